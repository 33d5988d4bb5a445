/** Addresses of the book's pages. The book may be served under a sub-path (WORLD_SWITCH_BASE in `astro.config.mjs`). */
import type { Check, ExitCode, VmcbField } from '../emulator/svm/index.ts'

const BASE = import.meta.env.BASE_URL.replace(/\/$/, '')

/** The address of a page or file of the book as a link has it. `path` is that of a book at the root: "/labs/". */
export function href(path: `/${string}`): string {
  return BASE + path
}

/** The name of a field within its area, as the address has it: "g_pat", "cs.selector". */
export function fieldSlug({ key }: Pick<VmcbField, 'key'>): string {
  return key.slice(key.indexOf('.') + 1)
}

export function fieldPath(field: Pick<VmcbField, 'key'>): string {
  return href(`/reference/vmcb/${fieldSlug(field)}/`)
}

export function checkPath({ id }: Pick<Check, 'id'>): string {
  return href(`/reference/checks/${id}/`)
}

export function exitPath({ key }: Pick<ExitCode, 'key'>): string {
  return href(`/reference/exits/${key}/`)
}

export function labPath(slug: string): string {
  return href(`/lab/${slug}/`)
}

export function chapterPath(slug: string): string {
  return href(`/chapters/${slug}/`)
}

/** The entry of an MSR; `name` is the manual's: "KernelGSbase", "FS.base". */
export function msrPath({ name }: { readonly name: string }): string {
  return href(`/reference/msrs/#${msrSlug(name)}`)
}

/** The name of an MSR as an address has it: "kernelgsbase", "fs-base". */
export function msrSlug(name: string): string {
  return name.toLowerCase().replaceAll('.', '-')
}

/** The entry of an instruction on the page of its group. */
export function instructionPath(group: string, mnemonic: string): string {
  return href(`/reference/instructions/${group}/#${mnemonic}`)
}

/** The entry of a group of the clean bits: "np". */
export function cleanBitPath(group: string): string {
  return href(`/reference/clean-bits/#${group}`)
}

/** The name of the playground's machine among the labs. No link leads to its state: it is handed on as a file. */
export const PLAYGROUND = 'playground'
