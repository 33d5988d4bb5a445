import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseVmcbText } from '../../../emulator/lab/index.ts'
import { readField, VMCB_FIELDS, vmcbField } from '../../../emulator/svm/index.ts'
import { setBits, setExpression, setField, setFields } from './text-edit.ts'

const SYMBOLS = new Map([['guest', 0x10000n]])

const TEXT = `; The guest.
control.intercepts = vmrun, vmmcall   ; brings it back
control.asid = 1
control.nested_control.np_enable = 1

save.efer = svme, lme, lma            ; long mode
save.cr3 = 0x00001000
save.rip = guest                      ; where it begins
`

function valueIn(text: string, key: string): bigint {
  const { image, diagnostics } = parseVmcbText('guest.vmcb', text, SYMBOLS)
  expect(diagnostics).toEqual([])
  return readField(new DataView(image.buffer), vmcbField(key))
}

/** What setField makes of the text. */
function withField(text: string, key: string, value: bigint): string {
  const edit = setField(text, vmcbField(key), value, valueIn(text, key))
  if (!edit.ok) throw new Error(edit.message)
  return edit.text
}

function withBits(text: string, key: string, name: string, value: bigint): string {
  const field = vmcbField(key)
  const bit = field.bits!.bits.find((one) => one.key === name)!
  const edit = setBits(text, field, bit, value, valueIn(text, key))
  if (!edit.ok) throw new Error(edit.message)
  return edit.text
}

/** The lines of `after` that `before` does not have, and the other way round. */
function difference(before: string, after: string): { added: string[]; removed: string[] } {
  const [a, b] = [before.split('\n'), after.split('\n')]
  return { added: b.filter((line) => !a.includes(line)), removed: a.filter((line) => !b.includes(line)) }
}

test('a field that has a line is changed there, in the notation and with the digits that stood there', () => {
  expect(difference(TEXT, withField(TEXT, 'save.cr3', 0x2000n)).added).toEqual(['save.cr3 = 0x00002000'])
  expect(difference(TEXT, withField(TEXT, 'control.asid', 12n)).added).toEqual(['control.asid = 12'])
})

test('names of bits stay in their order; a comment behind them stays', () => {
  expect(difference(TEXT, withBits(TEXT, 'save.efer', 'lme', 0n)).added).toEqual([
    'save.efer = svme, lma            ; long mode',
  ])
  expect(difference(TEXT, withBits(TEXT, 'save.efer', 'nxe', 1n)).added).toEqual([
    'save.efer = svme, lme, lma, nxe            ; long mode',
  ])
})

test('a value that names do not give becomes a number', () => {
  expect(difference(TEXT, withField(TEXT, 'save.efer', 0n)).added[0]).toMatch(/^save\.efer = 0 /)
  expect(difference(TEXT, withField(TEXT, 'save.efer', 0x1_0000n)).added[0]).toMatch(/^save\.efer = 0x10000 /)
})

test('a field that has no line gets one behind its neighbour, and nothing else changes', () => {
  const after = withField(TEXT, 'save.cr0', 0x8000_0031n)
  expect(difference(TEXT, after)).toEqual({ added: ['save.cr0 = pe, et, ne, pg'], removed: [] })
  expect(after.split('\n')[after.split('\n').indexOf('save.cr0 = pe, et, ne, pg') - 1]).toBe(
    'save.cr3 = 0x00001000',
  )
})

test('a bit with a line of its own is changed there, other bits of the field get lines of their own', () => {
  expect(difference(TEXT, withBits(TEXT, 'control.nested_control', 'np_enable', 0n)).added).toEqual([
    'control.nested_control.np_enable = 0',
  ])
  expect(difference(TEXT, withBits(TEXT, 'control.nested_control', 'gmet_enable', 1n))).toEqual({
    added: ['control.nested_control.gmet_enable = 1'],
    removed: [],
  })
})

test('a bit of a field without lines gets a line of its own, by name where its value has one', () => {
  expect(difference(TEXT, withBits(TEXT, 'save.g_pat', 'pa0', 6n)).added).toEqual(['save.g_pat.pa0 = WB'])
})

test('intercepts are added to the list of all of them and removed from it', () => {
  expect(difference(TEXT, withBits(TEXT, 'control.intercept_vector_3', 'cpuid', 1n)).added).toEqual([
    'control.intercepts = vmrun, vmmcall, cpuid   ; brings it back',
  ])
  const without = withBits(TEXT, 'control.intercept_vector_4', 'vmrun', 0n)
  expect(difference(TEXT, without).added).toEqual(['control.intercepts = vmmcall   ; brings it back'])
  expect(valueIn(withBits(without, 'control.intercept_vector_4', 'vmmcall', 0n), 'control.asid')).toBe(1n)
})

test('an intercept without any line begins the list', () => {
  expect(withBits('control.asid = 1\n', 'control.intercept_vector_4', 'vmrun', 1n)).toBe(
    'control.asid = 1\ncontrol.intercepts = vmrun\n',
  )
})

test('an intercept bit without a name cannot go into the list, and that is said', () => {
  const field = vmcbField('control.intercept_vector_5')
  const edit = setField(TEXT, field, 0x8000_0000n, 0n)
  expect(edit).toMatchObject({ ok: false })
})

test('an expression is written as it was typed', () => {
  expect(setExpression(TEXT, vmcbField('save.rip'), 'guest + 4')).toContain('save.rip = guest + 4     ')
  expect(setExpression(TEXT, vmcbField('save.cr2'), 'guest')).toContain('\nsave.cr2 = guest\n')
})

test('lines may end as in Windows', () => {
  expect(withField('control.asid = 1\r\nsave.rip = 0\r\n', 'save.cr3', 0x1000n)).toBe(
    'control.asid = 1\r\nsave.cr3 = 0x1000\r\nsave.rip = 0\r\n',
  )
})

test('several fields of another image are taken over; fields that are equal keep their lines', () => {
  const image = parseVmcbText('', 'control.asid = 1\nsave.efer = svme\nsave.cr3 = 0x5000\n', SYMBOLS).image
  const { image: current } = parseVmcbText('', TEXT, SYMBOLS)
  const edit = setFields(TEXT, current, image, ['control.asid', 'save.efer', 'save.cr3'])
  expect(edit.ok && difference(TEXT, edit.text)).toEqual({
    added: ['save.efer = svme            ; long mode', 'save.cr3 = 0x00005000'],
    removed: ['save.efer = svme, lme, lma            ; long mode', 'save.cr3 = 0x00001000'],
  })
})

test('whatever a field is set to, the text gives that value, and every comment is still there', () => {
  const fields = VMCB_FIELDS.filter(({ bytes }) => bytes <= 8)
  fc.assert(
    fc.property(fc.constantFrom(...fields), fc.bigInt(0n, 2n ** 64n - 1n), (field, raw) => {
      const value = BigInt.asUintN(field.bytes * 8, raw)
      const edit = setField(TEXT, field, value, valueIn(TEXT, field.key))
      if (!edit.ok) return field.key.startsWith('control.intercept_vector_')
      for (const comment of ['; The guest.', '; brings it back', '; long mode', '; where it begins'])
        expect(edit.text).toContain(comment)
      return valueIn(edit.text, field.key) === value
    }),
  )
})
