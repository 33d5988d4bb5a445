/** Both executors on the same programs: what a guest cannot tell apart. */
import { describe, expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'
import type { Executor } from './machine.ts'
import type { StartKind } from './start.ts'

const EXECUTORS: readonly Executor[] = ['evaluate', 'compile']

function digests(source: string, kind: StartKind = 'long'): string[] {
  return EXECUTORS.map((executor) => {
    const machine = machineWith(source, kind, { executor })
    expect(machine.run(10_000).reason).toBe('halted-forever')
    return machine.digest()
  })
}

describe('a loop over a page border', () => {
  test.each(['loop', 'loope', 'loopne', 'dec ecx\n jnz'])('%s', (branch) => {
    const [evaluated, compiled] = digests(`
      mov ecx, 500
      jmp top
      times 0ff8h - ($ - $$) db 90h
    top:
      inc ebx
      times 1004h - ($ - $$) db 90h
      cmp ${branch === 'loope' ? 'ebx, ebx' : 'ebx, 7fffffffh'}
      ${branch} top
      hlt`)
    expect(compiled).toBe(evaluated)
  })
})
