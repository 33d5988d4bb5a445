/** Every recorded execution of a real processor: result and status word agree. The file says how to read it. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RDI } from '../../isa/registers.ts'
import { execute, longCpu } from '../system.fixture.ts'
import { INDEFINITE, packExtended, unpackExtended } from './number.ts'
import { clearExceptions, initialize, isEmpty, push, registerBits, setControl } from './stack.ts'

interface Recorded {
  readonly assembly: string
  readonly bytes: string
  readonly form: 'registers' | 'memory' | 'load' | 'store'
  readonly cases: readonly string[]
}

const { instructions } = JSON.parse(readFileSync(new URL('native.json', import.meta.url), 'utf8')) as {
  instructions: readonly Recorded[]
}

const MEMORY = 0xc000
const cpu = longCpu()
const { state, memory } = cpu
state.gpr[RDI] = BigInt(MEMORY)

function hexadecimal(text: string): bigint[] {
  return text.split(' ').map((word) => BigInt(`0x${word}`))
}

function writeMemory(bits: bigint): void {
  memory.write(MEMORY, 8, BigInt.asUintN(64, bits))
  memory.write(MEMORY + 8, 2, bits >> 64n)
}

/** Executes the instruction from the values of a record; what the record says of the result. */
function run({ bytes, form }: Recorded, given: readonly bigint[]): bigint[] {
  const operands = given.slice(0, -1)
  initialize(state)
  writeMemory(form === 'load' ? operands[0] : form === 'memory' ? operands[1] : 0xcccc_cccc_cccc_cccc_ccccn)
  const stacked = form === 'load' ? [] : form === 'memory' ? operands.slice(0, 1) : operands
  for (const bits of stacked.toReversed()) push(state, { value: unpackExtended(bits), status: 0 })
  setControl(state, Number(given.at(-1)))
  execute(cpu, [...Buffer.from(bytes, 'hex')])
  const status = BigInt(state.fpuStatus)
  if (form === 'store') return [storedBits(bytes), status]
  // The recorder stored ST(0) after FNCLEX with all exceptions masked.
  clearExceptions(state)
  setControl(state, 0x37f)
  return [isEmpty(state, 0) ? packExtended(INDEFINITE) : registerBits(state, 0), status]
}

/** Bytes that each store writes, by opcode and ModRM. */
const STORED_BYTES: Readonly<Record<string, number>> = {
  d917: 4,
  dd17: 8,
  df17: 2,
  db17: 4,
  df3f: 8,
  df0f: 2,
  db0f: 4,
  dd0f: 8,
  df37: 10,
}

function storedBits(bytes: string): bigint {
  const all = memory.read(MEMORY, 8) | (memory.read(MEMORY + 8, 2) << 64n)
  return BigInt.asUintN(STORED_BYTES[bytes] * 8, all)
}

test.each(instructions.map((instruction) => [instruction.assembly, instruction] as const))(
  '%s does what the processor did',
  (_, instruction) => {
    for (const record of instruction.cases) {
      const [given, expected] = record.split(' > ').map(hexadecimal)
      expect(run(instruction, given), record).toEqual(expected)
    }
  },
)
