/** What became of a case, read from the lines that the host sends. */
import { readField, VMCB_FIELDS, type VmcbField } from '../emulator/svm/index.ts'
import { IMAGE_BYTES, type Input } from './image.ts'

/** Number of the pseudo-field that an exception of the host is reported with, and of the first byte of the guest's stack. */
const EXCEPTION = 0xfff0
const STACK = 0x1000

export interface Outcome {
  /** The VMCB afterwards. */
  readonly vmcb: DataView
  /** Quadwords of the stack that the guest changed, by offset. */
  readonly stack: ReadonlyMap<number, bigint>
  /** The exception that the host took instead of VMRUN: vector, and the error code in bits 63:32. */
  readonly exception: bigint | undefined
  /** QEMU ended by itself, or was stopped because it hung; the other members are as before the case then. */
  readonly ended: 'crash' | 'stall' | undefined
}

/** Fields that are compared. */
export const COMPARED: readonly VmcbField[] = VMCB_FIELDS.filter(
  ({ offset, bytes }) => bytes <= 8 && offset + bytes <= IMAGE_BYTES,
)

/** The fields of one VMCB by name. */
export function field(vmcb: DataView, key: string): bigint {
  return readField(vmcb, BY_KEY.get(key)!)
}

const BY_KEY = new Map(COMPARED.map((entry) => [entry.key, entry]))

/** Reads the lines, one for each input in order, and the full stop behind the last. Throws for anything else. */
export function readOutcomes(text: string, inputs: readonly Input[]): Outcome[] {
  const lines = text.split('\n')
  if (lines.length !== inputs.length + 2 || lines.at(-2) !== '.')
    throw new Error(`${lines.length - 2} results of ${inputs.length} cases`)
  return inputs.map(({ vmcb }, n) => readLine(lines[n], vmcb))
}

function readLine(line: string, before: DataView): Outcome {
  const [, ...parts] = line.split(' ')
  const vmcb = new DataView(before.buffer.slice(0))
  const stack = new Map<number, bigint>()
  let exception: bigint | undefined
  const ended = parts[0] === 'crash' || parts[0] === 'stall' ? parts[0] : undefined
  for (const part of ended === undefined ? parts : []) {
    const [offset, value] = [parseInt(part.slice(0, 4), 16), BigInt(`0x${part.slice(5)}`)]
    if (offset === EXCEPTION) exception = value
    else if (offset >= STACK) stack.set(offset - STACK, value)
    else vmcb.setBigUint64(offset, value, true)
  }
  return { vmcb, stack, exception, ended }
}
