import { expect, test } from 'vitest'
import { bitRanges, fieldOfMsr, MSRS, permissionText, wide, writeText } from './msrs.ts'

const msr = (name: string) => MSRS.find((entry) => entry.name === name)!

test('masks and numbers as the manual writes them', () => {
  expect(bitRanges(0x8000_0000_0000_01f1n)).toBe('63, 8:4, 0')
  expect(bitRanges((1n << 64n) - 1n)).toBe('63:0')
  expect(wide(0x277n)).toBe('277h')
  expect(wide(0x7_0406_0007_0406n)).toBe('0007_0406_0007_0406h')
})

test('an MSR says what WRMSR accepts and where its bits in the MSRPM are', () => {
  expect(writeText(msr('MTRRdefType'))).toBe('Reserved: 63:12, 9:3.')
  expect(writeText(msr('STAR'))).toBe('No bit is reserved.')
  expect(writeText(msr('MTRRcap'))).toBe('No other value can be written.')
  expect(writeText(msr('PRED_CMD'))).toBe('Write-only. Reserved: 63:1.')
  expect(permissionText(msr('PAT'))).toBe('byte 9Dh, bits 7:6')
})

test('MSRs that a VMCB holds name its field', () => {
  const fields = MSRS.flatMap((entry) => fieldOfMsr(entry)?.key ?? [])
  expect(fields).toContain('save.g_pat')
  expect(fields).toContain('save.kernel_gs_base')
  expect(fields).toContain('save.fs.base')
  expect(fields).toContain('save.lastexcpto')
  expect(new Set(fields).size).toBe(fields.length)
  expect(fieldOfMsr(msr('TSC_AUX'))).toBeUndefined()
})
