/** Deviations of #VMEXIT: what QEMU stores otherwise (cpu_vmexit, do_vmexit). */
import { field } from '../outcome.ts'
import { bothEntered, bothInvalid, exitCode, has, only, onlyBits, type Deviation } from './deviation.ts'

/** Whether #VMEXIT has EXITINFO1 by the decode assists: of control and debug registers, CR0_SEL_WRITE, INTn, INVLPG. */
function hasDecodeAssist(code: bigint): boolean {
  return code < 0x40n || code === 0x65n || code === 0x75n || code === 0x79n
}

export const EXIT: readonly Deviation[] = [
  {
    cause: 'stores 32 bits of EXITCODE, which VMEXIT_INVALID fills with ones',
    section: 'appendix C',
    applies: bothInvalid,
    excuses: only('control.exit_code'),
  },
  {
    cause: 'does not write nRIP',
    section: '§15.7.1',
    applies: ({ before, qemu }) => field(qemu.vmcb, 'control.n_rip') === field(before, 'control.n_rip'),
    excuses: only('control.n_rip'),
  },
  {
    cause: 'has no decode assists: EXITINFO1 is 0 for control and debug registers, INTn and INVLPG',
    section: '§15.8',
    applies: ({ ours, qemu }) =>
      hasDecodeAssist(exitCode(ours)) &&
      exitCode(ours) === exitCode(qemu) &&
      field(qemu.vmcb, 'control.exit_info_1') === 0n,
    excuses: only('control.exit_info_1'),
  },
  {
    cause: 'does not store guest instruction bytes',
    section: '§15.8.4',
    applies: ({ before, qemu }) =>
      field(qemu.vmcb, 'control.instruction_bytes_fetched') ===
      field(before, 'control.instruction_bytes_fetched'),
    excuses: only('control.instruction_bytes_fetched'),
  },
  {
    cause: 'leaves the last event that was delivered in EXITINTINFO, V cleared',
    section: '§15.7.2',
    applies: ({ ours, qemu }) =>
      field(ours.vmcb, 'control.exit_int_info') === 0n && !has(qemu.vmcb, 'control.exit_int_info', 31),
    excuses: only('control.exit_int_info'),
  },
  {
    cause: 'copies EVENTINJ to EXITINTINFO also when VMRUN finds illegal state',
    section: '§15.7.2',
    applies: (results) =>
      bothInvalid(results) &&
      field(results.qemu.vmcb, 'control.exit_int_info') === field(results.before, 'control.event_inj'),
    excuses: only('control.exit_int_info'),
  },
  {
    cause: 'uses EVENTINJ for the events of the guest, and clears its bits 31:0 at #VMEXIT',
    section: '§15.20',
    applies: ({ ours, qemu }) =>
      !has(ours.vmcb, 'control.event_inj', 31) &&
      (field(qemu.vmcb, 'control.event_inj') & 0xffff_ffffn) === 0n,
    excuses: only('control.event_inj'),
  },
  {
    cause: 'has another event in EXITINTINFO, and another CR2, after a shutdown, where the VMCB is undefined',
    section: '§15.14.3',
    applies: ({ ours, qemu }) => exitCode(ours) === 0x7fn && exitCode(qemu) === 0x7fn,
    excuses: only('control.exit_int_info', 'save.cr2'),
  },
  {
    cause: 'writes all of INTERRUPT_SHADOW',
    section: 'table B-1',
    applies: bothEntered,
    excuses: onlyBits('control.interrupt_shadow', ~1n),
  },
]
