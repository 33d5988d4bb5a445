/** Reader of the recorded executions in this folder: what a real processor did with an instruction. The files say how to read them. */
import { readFileSync } from 'node:fs'
import { readRflags, writeRflags } from '../../state/flags.ts'
import { AF, CF, DF, OF, PF, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, SF, ZF } from '../../isa/registers.ts'
import { EXCEPTION_MNEMONICS } from '../../state/exit-codes.ts'
import { ACTIVITY } from '../../state/vcpu.ts'
import { PROGRAM, type Bench } from '../engine.fixture.ts'

export const TOPICS = [
  'arithmetic',
  'shifts',
  'multiply-divide',
  'bits',
  'data-movement',
  'strings',
  'stack',
  'decimal',
] as const

export interface RecordedInstruction {
  readonly assembly: string
  readonly bits: 32 | 64
  readonly bytes: string
  readonly cases: readonly string[]
}

export function recordedInstructions(topic: (typeof TOPICS)[number]): readonly RecordedInstruction[] {
  const text = readFileSync(new URL(`${topic}.json`, import.meta.url), 'utf8')
  return (JSON.parse(text) as { instructions: RecordedInstruction[] }).instructions
}

/** The registers of a record, after the flags and before the memory. */
const REGISTERS = [RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP]
const MEMORY = 0x3_0000
const QUADWORDS = 4
/** What a record leaves out at its end. */
const DEFAULTS = [0n, 0n, 0n, 0n, 0n, 0x3_0000n, 0x3_0010n, 0x3_0010n, 0x3_0018n, 0n, 0n, 0n, 0n]
const RECORDED_FLAGS = CF | PF | AF | ZF | SF | DF | OF

/** Puts the instruction at PROGRAM and the values before `>` in registers and memory, whatever ran on the bench before. */
export function prepare({ cpu, raised }: Bench, instruction: RecordedInstruction, record: string): void {
  const { state, memory } = cpu
  memory.load(PROGRAM, Buffer.from(instruction.bytes, 'hex'))
  const values = inputs(record)
  writeRflags(state, Number(values[0]))
  REGISTERS.forEach((register, i) => {
    state.gpr[register] = values[1 + i]
  })
  for (let i = 0; i < QUADWORDS; i++) memory.write(MEMORY + 8 * i, 8, values[1 + REGISTERS.length + i])
  state.rip = BigInt(PROGRAM)
  // An exception without an IDT ended in shutdown.
  state.activity = ACTIVITY.running
  state.attention = 0
  raised.length = 0
}

function inputs(record: string): bigint[] {
  const given = record.split(' > ')[0].split(' ').map(parse)
  return DEFAULTS.map((value, i) => given[i] ?? value)
}

function parse(text: string): bigint {
  return BigInt(`0x${text}`)
}

/** What the record says of the state afterwards, in its own notation but complete; or the exception's mnemonic. */
export function expected(record: string): string {
  const after = record.split(' > ')[1].split(' ')
  if (after[0] === 'DE' || after[0] === 'BR') return after[0]
  return inputs(record)
    .map((before, i) => ((after[i] ?? '=') === '=' ? before : parse(after[i])).toString(16))
    .join(' ')
}

/** The same of the bench: its state, or the exception that it raised. */
export function observed({ cpu, raised }: Bench): string {
  if (raised.length > 0) return EXCEPTION_MNEMONICS[raised[0].vector]
  const memory = Array.from({ length: QUADWORDS }, (_, i) => cpu.memory.read(MEMORY + 8 * i, 8))
  const registers = REGISTERS.map((register) => cpu.state.gpr[register])
  return [BigInt(readRflags(cpu.state) & RECORDED_FLAGS), ...registers, ...memory]
    .map((value) => value.toString(16))
    .join(' ')
}
