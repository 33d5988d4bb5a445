/** Strict machines: what the manual leaves undefined holds a pattern, and reading it is an event (APM vol 2 §15.6, §15.14.3). */
import { describe, expect, test } from 'vitest'
import { runGuest, VMCB, type GuestRun } from './guest.fixture.ts'
import { UNDEFINED_PATTERN } from './undefined-bytes.ts'

const PATTERN = (BigInt(UNDEFINED_PATTERN) << 32n) | BigInt(UNDEFINED_PATTERN)
const EXIT_INFO_1 = VMCB + 0x78
const EXIT_INFO_2 = VMCB + 0x80

/** A host that executes `afterwards` once its guest has exited. */
const host = (afterwards: string): string => `mov rax, ${VMCB}\nvmrun\n${afterwards}\nhlt`

function strictRun(guest: string, afterwards = '', changes: Record<string, bigint> = {}): GuestRun {
  return runGuest(guest, changes, undefined, host(afterwards), { strict: true })
}

/** The fields that the program read although they are undefined. */
function reliedOn({ machine }: GuestRun): (string | undefined)[] {
  return machine.events
    .since()
    .filter((event) => event.kind === 'relied-on-undefined')
    .map(({ field }) => field)
}

describe('a strict machine', () => {
  test('fills EXITINFO1 and EXITINFO2 with a pattern after an exit that does not define them', () => {
    const { field } = strictRun('vmmcall')
    expect([field('control.exit_info_1'), field('control.exit_info_2')]).toEqual([PATTERN, PATTERN])
  })

  test('leaves alone what the exit defines', () => {
    // This MSR lies outside the ranges of the permission map.
    const { field } = strictRun('mov ecx, 5000h\nwrmsr', '', {
      'control.intercept_vector_3': 1n << 28n,
      'control.msrpm_base_pa': 0x6_0000n,
    })
    expect([field('control.exit_code'), field('control.exit_info_1')]).toEqual([0x7cn, 1n])
    expect(field('control.exit_info_2')).toBe(PATTERN)
  })

  test('reports the field that a program reads although it is undefined', () => {
    expect(reliedOn(strictRun('vmmcall', `mov rbx, [${EXIT_INFO_1}]`))).toContain('control.exit_info_1')
  })

  test('reports nothing when the program reads what is defined, or writes first', () => {
    expect(reliedOn(strictRun('vmmcall', `mov rbx, [${VMCB + 0x70}]`))).toEqual([])
    expect(
      reliedOn(strictRun('vmmcall', `mov qword [${EXIT_INFO_2}], 0\nmov rbx, [${EXIT_INFO_2}]`)),
    ).toEqual([])
  })

  test('leaves nothing of the guest after a shutdown', () => {
    const { field } = strictRun('ud2', '', { 'control.intercept_vector_3': 1n << 31n, 'save.idtr.limit': 0n })
    expect(field('control.exit_code')).toBe(0x7fn)
    expect(field('save.rip')).toBe(PATTERN)
  })

  test('is not part of what a lenient machine does', () => {
    const { field, machine } = runGuest('vmmcall', {}, undefined, host(`mov rbx, [${EXIT_INFO_1}]`))
    expect(field('control.exit_info_1')).toBe(0n)
    expect(machine.events.since().some(({ kind }) => kind === 'relied-on-undefined')).toBe(false)
  })
})
