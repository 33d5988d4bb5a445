import { ESLint } from 'eslint'
import { describe, expect, it } from 'vitest'
import { MAY_IMPORT, objection } from './boundaries.mjs'

describe('the borders between folders', () => {
  it('point one way: no folder of the emulator can be reached from itself', () => {
    const reach = (folder: string, seen = new Set<string>()): Set<string> => {
      for (const place of MAY_IMPORT[folder] ?? []) {
        const next = place.replace(/\/[^/]+\.ts$/, '')
        if (seen.has(next)) continue
        seen.add(next)
        reach(next, seen)
      }
      return seen
    }
    for (const folder of Object.keys(MAY_IMPORT)) expect(reach(folder), folder).not.toContain(folder)
  })

  it('allow the file that is named and nothing beside it', () => {
    expect(objection('emulator/state/vcpu.ts', '../isa/registers.ts')).toBeUndefined()
    expect(objection('emulator/state/vcpu.ts', '../isa/decode.ts')).toContain('emulator/state may not import')
  })

  it('let pages use only the public entry points of the emulator', () => {
    expect(objection('src/pages/index.astro', '../../emulator/svm/index.ts')).toBeUndefined()
    expect(objection('src/pages/index.astro', '../../emulator/svm/vmrun.ts')).toContain('src may not import')
    expect(objection('components/workbench/element.ts', '../../emulator/machine/machine.ts')).toBeDefined()
  })

  it('keep the emulator free of pages', () => {
    expect(objection('emulator/lab/lab.ts', '../../components/workbench/element.ts')).toBeDefined()
    expect(objection('emulator/lab/lab.ts', 'preact/hooks')).toBeDefined()
    expect(objection('emulator/lab/lab.ts', 'astro:content')).toBeDefined()
    expect(objection('emulator/lab/lab.ts', 'zod')).toBeUndefined()
  })
})

describe('eslint', () => {
  const lint = async (code: string) => {
    const eslint = new ESLint({ overrideConfigFile: 'eslint.config.mjs' })
    // The file must be one that TypeScript knows; its text is replaced.
    const [result] = await eslint.lintText(code, { filePath: 'emulator/isa/registers.ts' })
    return result.messages.map(({ ruleId }) => ruleId)
  }

  it('refuses an import across a border, however it is written', async () => {
    expect(await lint(`export * from '../svm/vmcb.ts'`)).toContain('book/boundaries')
    expect(await lint(`import type { Vmcb } from '../svm/vmcb.ts'`)).toContain('book/boundaries')
    expect(await lint(`export const vmcb = import('../svm/vmcb.ts')`)).toContain('book/boundaries')
    expect(await lint(`export type Vmcb = import('../svm/vmcb.ts').Vmcb`)).toContain('book/boundaries')
  })

  it('refuses what would make two runs differ', async () => {
    expect(await lint('export const seed = Math.random()')).toContain('no-restricted-properties')
    expect(await lint('export const now = Date.now()')).toContain('no-restricted-globals')
    expect(await lint('export const later = performance.now()')).toContain('no-restricted-globals')
  })
})
