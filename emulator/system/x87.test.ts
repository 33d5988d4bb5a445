import { expect, test } from 'vitest'
import { VECTOR } from '../state/faults.ts'
import { CR0 } from '../state/mode.ts'
import { execute, faultOf, longCpu } from './system.fixture.ts'

test('FNOP does nothing, or raises #NM while CR0.TS or CR0.EM is set', () => {
  for (const [bit, vector] of [
    [0n, undefined],
    [CR0.MP, undefined],
    [CR0.TS, VECTOR.NM],
    [CR0.EM, VECTOR.NM],
  ] as const) {
    const cpu = longCpu()
    cpu.state.cr0 |= bit
    expect(faultOf(() => execute(cpu, [0xd9, 0xd0]))?.vector).toBe(vector)
  }
})
