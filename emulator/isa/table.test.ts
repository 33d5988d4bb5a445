import { describe, expect, it } from 'vitest'
import { summarizeMnemonics } from './summaries.ts'
import { table } from './table.ts'
import { define } from './table/row.ts'

describe('the notation of the table', () => {
  it('stands for one row of the manual per line, three with *, sixteen with cc', () => {
    const [word, dword, qword] = define('adc', 'Add with carry')`adc reg/mem*, imm* | 81 /2 i*`
    expect(word).toMatchObject({
      operandText: 'reg/mem16, imm16',
      opcodeText: '81 /2 iw',
      operandSize: 2,
      digit: 2,
    })
    expect(dword).toMatchObject({ operandText: 'reg/mem32, imm32', opcodeText: '81 /2 id', operandSize: 4 })
    expect(qword).toMatchObject({ operandText: 'reg/mem64, simm32', opcodeText: '81 /2 id', operandSize: 8 })
    expect(
      define('setcc', 'Set byte if')`setcc reg/mem8 | 0F 90 +cc /0`.map((row) => row.mnemonic),
    ).toHaveLength(16)
  })

  it('rejects what it does not know', () => {
    expect(() => define('x', 'X')`x reg12 | 90`).toThrow("unknown operand 'reg12'")
    expect(() => define('x', 'X')`x reg8 | 90 /9x`).toThrow()
    expect(() => define('x', 'X')`x reg8 | 90 zz`).toThrow("unknown opcode token 'zz'")
    expect(() => define('x', 'X')`x reg8 | 90 | sometimes`).toThrow("unknown option 'sometimes'")
  })
})

describe('the table', () => {
  it('gives every row a title and flags within the rFLAGS bits', () => {
    for (const row of table) {
      expect(row.title).not.toBe('')
      expect((row.flagsRead | row.flagsWritten) >>> 22).toBe(0)
    }
  })
})

describe('summaries', () => {
  it('cover aliases and list the forms in the notation of the manual', () => {
    const summaries = new Map(summarizeMnemonics().map((summary) => [summary.mnemonic, summary]))
    expect(summaries.get('adc')).toMatchObject({ title: 'Add with carry', section: 'APM vol 3' })
    expect(summaries.get('vmrun')).toMatchObject({
      section: 'APM vol 2 §15.5',
      forms: ['vmrun rAX', 'vmrun'],
    })
    expect(summaries.get('je')).toMatchObject({ title: 'Jump if zero or equal (ZF = 1)' })
    expect(summaries.get('je')!.forms).toContain('je rel8off')
  })
})
