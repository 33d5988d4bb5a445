/**
 * Which instructions complete write combining before they execute. AMD's optimization guides list the events ("Write-Combining
 * Completion Events"); APM vol 2 §7.6.4 lists the serializing instructions. Interrupts and exceptions complete it too (deliver.ts).
 */
import type { Instruction } from '../isa/instruction.ts'
import type { Cpu } from '../state/cpu.ts'

type Cause = 'fence' | 'serializing' | 'locked' | 'io'

/** By operation. */
const COMPLETING: ReadonlyMap<string, Cause> = new Map(
  (
    [
      ['io', ['in', 'ins', 'out', 'outs']],
      ['serializing', ['cpuid', 'iret', 'rsm', 'hlt', 'wrmsr', 'invd', 'wbinvd', 'wbnoinvd']],
      [
        'serializing',
        ['invlpg', 'invlpga', 'invpcid', 'lgdt', 'lidt', 'lldt', 'ltr', 'lmsw', 'clts', 'vmrun'],
      ],
    ] as const
  ).flatMap(([cause, operations]) => operations.map((operation): [string, Cause] => [operation, cause])),
)

function completionCause({ mnemonic, operation, lock, operands }: Instruction): Cause | undefined {
  // XCHG with memory locks without a prefix.
  if (lock || (operation === 'xchg' && operands.some(({ kind }) => kind === 'memory'))) return 'locked'
  if (mnemonic === 'sfence' || mnemonic === 'mfence') return 'fence'
  if (operation === 'mov-control' || operation === 'mov-debug')
    return operands[0].kind === 'register' && operands[0].file !== 'general' ? 'serializing' : undefined
  return COMPLETING.get(operation)
}

/** Sends what write combining has collected if the instruction about to execute does not go together with waiting stores. */
export function completeWriteCombining(cpu: Cpu, instruction: Instruction): void {
  const cause = completionCause(instruction)
  if (cause !== undefined) cpu.caches?.completeWrites(cpu.index, cause)
}
