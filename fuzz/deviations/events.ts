/** Deviations of the delivery of events (do_interrupt_all, handle_even_inj, raise_interrupt2). */
import { field } from '../outcome.ts'
import {
  anotherFrame,
  anotherPath,
  either,
  endsByFault,
  exitCode,
  handledVector,
  has,
  in64BitMode,
  injected,
  longModeActive,
  onlyBits,
  onlyOnStack,
  RF_ON_STACK,
  W_ON_STACK,
  type Deviation,
} from './deviation.ts'

/** Exceptions with which QEMU pushes an error code. */
const WITH_ERROR_CODE = [8, 10, 11, 12, 13, 14, 17]

/** V_INTR_PRIO of a pending virtual interrupt equals V_TPR, which counts. Bits: 20 V_IGN_TPR, 19:16 V_INTR_PRIO, 8 V_IRQ, 3:0 V_TPR. */
function isAtThreshold(before: DataView): boolean {
  const word = field(before, 'control.virtual_interrupt')
  return (word & 0x10_0100n) === 0x100n && ((word >> 16n) & 15n) === (word & 15n)
}

export const EVENTS: readonly Deviation[] = [
  {
    cause: 'takes a virtual interrupt whose priority is V_TPR, not only a higher one',
    section: '§15.21.4',
    applies: ({ before }) => isAtThreshold(before),
    excuses: anotherPath,
  },
  {
    cause: 'looks at intercepts before faults combine, so that it never intercepts the #DF that they become',
    section: '§15.12.9',
    applies: ({ before, ours }) => has(before, 'control.intercept_vector_2', 8) && exitCode(ours) === 0x48n,
    excuses: anotherPath,
  },
  {
    cause: 'pushes RF of rFLAGS as it is, not 1 for a fault and 0 for a software interrupt',
    section: '§3.1.6',
    applies: () => true,
    excuses: onlyOnStack(RF_ON_STACK),
  },
  {
    cause: 'leaves RF of rFLAGS 1 after an instruction',
    section: '§3.1.6',
    applies: ({ before }) => has(before, 'save.rflags', 16),
    excuses: onlyBits('save.rflags', 0x1_0000n),
  },
  {
    cause: 'goes by the vector of an injected event, not by EV, when it pushes an error code',
    section: '§15.20',
    applies: ({ before }) => {
      const event = injected(before)
      return (
        event !== undefined &&
        event.hasErrorCode !== (event.type === 3 && WITH_ERROR_CODE.includes(event.vector))
      )
    },
    excuses: anotherFrame,
  },
  {
    cause: 'pushes rIP, not nRIP, for injected software interrupts, #BP and #OF',
    section: '§15.20',
    applies: ({ before }) => {
      const event = injected(before)
      const fromInstruction = event?.type === 4 || (event?.type === 3 && [3, 4].includes(event.vector))
      return fromInstruction && field(before, 'control.n_rip') !== field(before, 'save.rip')
    },
    excuses: anotherPath,
  },
  {
    cause:
      'takes INT3 and INTO for INTn: the SWINT intercept, type 4 in EXITINTINFO, no intercept of #BP and #OF',
    section: '§15.7.2',
    applies: ({ ours, qemu }) =>
      [0x43n, 0x44n].includes(exitCode(ours)) ||
      exitCode(qemu) === 0x75n ||
      [0x8000_0403n, 0x8000_0404n].includes(field(qemu.vmcb, 'control.exit_int_info')),
    excuses: (key, results) =>
      exitCode(results.ours) === exitCode(results.qemu)
        ? onlyBits('control.exit_int_info', 0x700n)(key, results)
        : anotherPath(key, results),
  },
  {
    cause: 'counts 16 bytes for each entry of the IDT in error codes of long mode',
    section: '§8.4.1',
    applies: ({ before, ours }) =>
      longModeActive(before) && [0xbn, 0xdn].includes(handledVector(ours) ?? -1n),
    excuses: (key, { ours, qemu }) =>
      key === 'stack' &&
      [...ours.stack].every(([at, value]) => {
        const other = qemu.stack.get(at) ?? 0n
        const entryCode = (value & ~7n) * 2n + 2n
        return (
          value === other ||
          RF_ON_STACK.includes(value ^ other) ||
          ((value & 2n) === 2n && other === entryCode)
        )
      }),
  },
  {
    cause: 'uses SP, not ESP, for interrupts in real mode, whatever SS.B says',
    section: '§8.6',
    applies: ({ before }) =>
      !has(before, 'save.cr0', 0) &&
      has(before, 'save.ss.attrib', 10) &&
      (field(before, 'save.rsp') & 0xffff_0000n) !== 0n,
    excuses: anotherPath,
  },
  {
    cause: 'takes L of SS for that of 64-bit code',
    section: '§4.8.2',
    applies: ({ before }) => !in64BitMode(before) && has(before, 'save.ss.attrib', 9),
    excuses: anotherPath,
  },
  {
    cause: 'aborts at an interrupt to CPL 0 when TR is not present',
    section: '',
    applies: ({ before }) => !has(before, 'save.tr.attrib', 7),
    excuses: (key) => key === 'crash',
  },
  {
    cause: 'lets IRET load a null SS in long mode unless its RPL is 3',
    section: '§8.9.5',
    applies: (results) =>
      longModeActive(results.before) &&
      (field(results.before, 'save.ss.selector') & ~3n) === 0n &&
      endsByFault(results, 8n, 13n),
    excuses: anotherPath,
  },
  {
    cause: 'has IRET load limit and attributes of a usual segment with a null SS',
    section: '§4.8.2',
    applies: ({ before, ours }) =>
      longModeActive(before) && (field(ours.vmcb, 'save.ss.selector') & ~3n) === 0n,
    excuses: (key, { qemu }) =>
      ['save.ss.attrib', 'save.ss.limit'].includes(key) &&
      (field(qemu.vmcb, 'save.ss.attrib') & ~0x60n) === 0xc93n,
  },
  {
    cause: 'begins an instruction that reads and writes with the fault of a read',
    section: '§8.4.2',
    applies: ({ ours }) => exitCode(ours) === 0x400n || handledVector(ours) === 0xen,
    excuses: either(onlyBits('control.exit_info_1', 2n), onlyOnStack([...RF_ON_STACK, ...W_ON_STACK])),
  },
]
