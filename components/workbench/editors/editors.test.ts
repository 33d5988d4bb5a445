import fc from 'fast-check'
import { expect, test } from 'vitest'
import { signal } from '@preact/signals'
import type { RunView } from '../protocol.ts'
import { completeAssembly, completeVmcb } from './completion.ts'
import { hoverAssembly, hoverVmcb } from './hover.ts'
import { classifyAssembly, classifyVmcb } from './tokens.ts'

const STORE = {
  symbols: signal<ReadonlyMap<string, bigint>>(new Map([['vmcb', 0x11000n]])),
  view: signal<RunView | undefined>(undefined),
  activeFile: signal('guest.vmcb'),
}

function labels(suggestions: readonly { readonly label: string }[]): string[] {
  return suggestions.map(({ label }) => label)
}

function classes(tokens: ReturnType<typeof classifyAssembly>, line: string): [string, string][] {
  return tokens.map(({ start, end, class: name }) => [line.slice(start, end), name])
}

test('a line of assembly is taken apart as the assembler reads it', () => {
  const line = "start:  mov rax, [vmcb + 1fh] ; it's"
  expect(classes(classifyAssembly(line), line).filter(([, name]) => name !== 'text')).toEqual([
    ['start', 'label'],
    ['mov', 'mnemonic'],
    ['rax', 'register'],
    ['1fh', 'number'],
    ["; it's", 'comment'],
  ])
})

test('a line of a VMCB has a field, values and a comment', () => {
  const line = 'save.efer = svme, 0x500 ; EFER'
  expect(classes(classifyVmcb(line), line).filter(([, name]) => name !== 'text')).toEqual([
    ['save.efer', 'field'],
    ['svme', 'flag'],
    ['0x500', 'number'],
    ['; EFER', 'comment'],
  ])
})

test('tokens of any line are in order and within it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const line = text.replaceAll(/[\r\n]/g, ' ')
      for (const classify of [classifyAssembly, classifyVmcb]) {
        let last = 0
        for (const { start, end } of classify(line)) {
          expect(start).toBeGreaterThanOrEqual(last)
          expect(end).toBeGreaterThan(start)
          last = end
        }
        expect(last).toBeLessThanOrEqual(line.length)
      }
    }),
  )
})

test('a statement can begin with a mnemonic or a directive, behind a label too', () => {
  expect(labels(completeAssembly('  vm', STORE))).toContain('vmrun')
  expect(labels(completeAssembly('start: t', STORE))).toContain('times')
})

test('operands are registers, keywords and symbols', () => {
  expect(labels(completeAssembly('  mov r', STORE))).toEqual(expect.arrayContaining(['rax', 'qword', 'vmcb']))
  expect(labels(completeAssembly('  mov rax, 1 ; v', STORE))).toEqual([])
})

test('a VMCB line completes fields, then the values that the field takes', () => {
  expect(labels(completeVmcb('sa', STORE))).toEqual(expect.arrayContaining(['save.g_pat', 'save.g_pat.pa1']))
  expect(labels(completeVmcb('save.efer = sv', STORE))).toContain('svme')
  expect(labels(completeVmcb('control.intercepts = vm', STORE))).toContain('vmmcall')
  expect(labels(completeVmcb('save.g_pat.pa1 = ', STORE))).toEqual(expect.arrayContaining(['WB', 'vmcb']))
})

test('hovering tells what a mnemonic, a number and a symbol are', () => {
  expect(hoverAssembly('VMRUN', '', STORE)?.[0]).toMatch(/^\*\*VMRUN\*\*: ./)
  expect(hoverAssembly('sal', '', STORE)?.[2]).toMatch(/\(\/reference\/instructions\/arithmetic\/#shl\)$/)
  expect(hoverAssembly('0x1f', '', STORE)).toEqual(['`1Fh` = 31 = `11111b`'])
  expect(hoverAssembly('vmcb', '', STORE)).toEqual(['**vmcb** = `11000h`'])
  expect(hoverAssembly('nothing_of_ours', '', STORE)).toBeUndefined()
})

test('hovering a VMCB field tells its place and its section, and a bit its position', () => {
  expect(hoverVmcb('save.g_pat', 'save.g_pat = 0', STORE)?.[0]).toContain('668h')
  expect(hoverVmcb('save.g_pat', 'save.g_pat = 0', STORE)?.[0]).toContain('(/reference/vmcb/g_pat/)')
  expect(hoverVmcb('svme', 'save.efer = svme', STORE)?.[1]).toContain('bit 12')
})
