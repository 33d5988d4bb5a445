/** The PAUSE intercept with its filter, in guests (APM vol 2 §15.14.4). */
import { describe, expect, test } from 'vitest'
import { runGuest } from './guest.fixture.ts'

/** How often PAUSE was executed before the exit; the guest gives up with VMMCALL after `most`. */
function pauses(count: bigint, threshold: bigint, code: string): { exit: bigint; executed: bigint } {
  const { machine, field } = runGuest(code, {
    'control.intercept_vector_3': 1n << 23n,
    'control.pause_filter_count': count,
    'control.pause_filter_threshold': threshold,
  })
  return { exit: field('control.exit_code'), executed: machine.inspect().general.rbx }
}

const PAUSE_EXIT = 0x77n
const VMMCALL_EXIT = 0x81n

/** Executes PAUSE `count` times, counting in RBX. */
const tight = (count: number, label: string): string =>
  `mov ecx, ${count}\n${label}: inc ebx\npause\ndec ecx\njnz ${label}\n`
const wait = (count: number): string => `mov ecx, ${count}\nwaiting: loop waiting\n`

describe('the PAUSE intercept', () => {
  test('exits at the first PAUSE without a filter', () => {
    expect(pauses(0n, 0n, `${tight(20, 'a')}vmmcall`)).toEqual({ exit: PAUSE_EXIT, executed: 1n })
    expect(pauses(0n, 100n, `${tight(20, 'a')}vmmcall`)).toEqual({ exit: PAUSE_EXIT, executed: 1n })
  })

  test.each([
    [1n, 1n],
    [9n, 9n],
    [20n, 20n],
  ])('exits when the filter has counted %s', (count, executed) => {
    expect(pauses(count, 0n, `${tight(20, 'a')}vmmcall`)).toEqual({ exit: PAUSE_EXIT, executed })
  })

  test('does not exit while the filter counts', () => {
    expect(pauses(21n, 0n, `${tight(20, 'a')}vmmcall`)).toEqual({ exit: VMMCALL_EXIT, executed: 20n })
  })

  test('counts on over a break when there is no threshold, or the break is shorter', () => {
    const code = `${tight(15, 'a')}${wait(50)}${tight(15, 'b')}vmmcall`
    expect(pauses(20n, 0n, code)).toEqual({ exit: PAUSE_EXIT, executed: 20n })
    expect(pauses(20n, 100n, code)).toEqual({ exit: PAUSE_EXIT, executed: 20n })
  })

  test('counts anew after a break longer than the threshold', () => {
    const code = `${tight(15, 'a')}${wait(50)}${tight(15, 'b')}vmmcall`
    expect(pauses(20n, 40n, code)).toEqual({ exit: VMMCALL_EXIT, executed: 30n })
  })

  test('never exits because of pauses that lie further apart than the threshold', () => {
    expect(pauses(2n, 3n, `${tight(20, 'a')}vmmcall`).exit).toBe(VMMCALL_EXIT)
    expect(pauses(2n, 4n, `${tight(20, 'a')}vmmcall`).exit).toBe(PAUSE_EXIT)
  })

  test('leaves count and threshold in the VMCB alone, and counts from the start at the next VMRUN', () => {
    const host = `mov rax, 20000h\nvmrun\nvmrun\nhlt`
    const { field, exits } = runGuest(
      `again: inc ebx\npause\njmp again`,
      { 'control.intercept_vector_3': 1n << 23n, 'control.pause_filter_count': 5n },
      undefined,
      host,
    )
    expect(field('control.pause_filter_count')).toBe(5n)
    expect(exits.map(({ instructions }) => instructions)).toEqual([2 + 14, 2 + 14 + 1 + 13])
  })
})
