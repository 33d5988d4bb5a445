/** Addresses of the reference pages, wherever the site lies. */
import type { VmcbField } from '../../emulator/svm/index.ts'

const BASE = import.meta.env.BASE_URL.replace(/\/?$/, '/')

/** The page of a VMCB field. */
export function fieldPage({ key }: Pick<VmcbField, 'key'>): string {
  return `${BASE}reference/vmcb/${key.slice(key.indexOf('.') + 1)}/`
}

/** The page of a consistency check. */
export function checkPage(id: string): string {
  return `${BASE}reference/checks/${id}/`
}
