/**
 * Random programs for the agreement test, from every operand form of every operation that has semantics. A program is a row of
 * chunks of code. A chunk says where to go on after an exception, then repeats its random instructions a few times; the
 * exception handler and the chunk's end go on at the next chunk, which may be of another code size. The last one halts.
 *
 * Memory, identity-mapped (and once more at ALIASES with paging):
 *   01000  page tables      06000  GDT      07000  IDT      08000  exception handler
 *   09000  where to go on, and the loop counter
 *   0C000  data that 16-bit addresses reach, two pages
 *   10000  chunks           20000  stack, growing down
 *   40000  data: two writable pages, a read-only one, one not present, a writable one
 */
import { encode } from '../isa/encode.ts'
import type { EncodingRequest, MemoryRequest, OperandRequest } from '../isa/encoding-request.ts'
import type { CodeBits, RegisterOperand, Size } from '../isa/instruction.ts'
import { oracleCases } from '../isa/requests.fixture.ts'
import { CS, RAX, RSP } from '../isa/registers.ts'
import { SEMANTICS } from '../semantics/index.ts'
import { SYSTEM_INSTRUCTIONS } from '../system/instructions.ts'
import { bench, PAGE_DIRECTORY, PAGE_TABLE, PROGRAM, RAM_BYTES, STACK, type Bench } from './engine.fixture.ts'

/** A seeded generator of numbers (mulberry32), so that a failure can be repeated. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed | 0
  }
  /** 0 <= result < 2^32. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  /** 0 <= result < n. */
  below(n: number): number {
    return this.word() % n
  }
  /** True in `percent` of a hundred cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }
}

const PAGE_TABLES = 0x1000
const GDT = 0x6000
const IDT = 0x7000
const HANDLER = 0x8000
const GO_ON = 0x9000
const COUNTER = 0x9010
const DATA16 = 0xc000
const DATA = 0x4_0000
/** Where the first 2 MB are mapped once more: pages that share fast tags and sets of the TLB. */
const ALIASES = [0x40_0000, 0x60_0000, 0x80_0000, 0xa0_0000] as const
/** Data in the TLB set of the first code page, so that together with its aliases it drives the code out of the TLB. */
const RIVAL = 0x11_0000

const SELECTOR = { code64: 0x08, code32: 0x10, code16: 0x18, data: 0x20 } as const
const DESCRIPTORS = [
  0n,
  0x00af_9b00_0000_ffffn,
  0x00cf_9b00_0000_ffffn,
  // 16-bit code at PROGRAM, so that its rIP is below 64 K.
  0x0000_9b01_0000_ffffn,
  0x00cf_9300_0000_ffffn,
]

const CHUNKS = 4
/** Chunks keep this distance; four lie across a page border sometimes. */
const CHUNK_BYTES = 0x280

/** Requests of each code size, by operation: what a chunk may contain. Transfers of control are placed by hand. */
const PLACED = new Set(['jmp', 'jcc', 'call', 'ret', 'jcxz', 'loop', 'loope', 'loopne'])
const pools = new Map<CodeBits, (readonly EncodingRequest[])[]>()
function pool(bits: CodeBits): (readonly EncodingRequest[])[] {
  let operations = pools.get(bits)
  if (operations === undefined) {
    const byRow = new Map<string, EncodingRequest[]>()
    for (const { row, request } of oracleCases(bits)) {
      if (!SEMANTICS.has(row.operation) || PLACED.has(row.operation)) continue
      const name = `${row.operation} ${row.operandText}`
      const list = byRow.get(name)
      if (list === undefined) byRow.set(name, [request])
      else list.push(request)
    }
    operations = [...byRow.values()]
    pools.set(bits, operations)
  }
  return operations
}

function general(index: number, size: Size): RegisterOperand {
  return { kind: 'register', file: 'general', index, size, highByte: false }
}
function immediate(value: number | bigint, size: Size | 0 = 0): OperandRequest {
  return { kind: 'immediate', value: BigInt(value), size }
}
function at(address: number, size: Size): MemoryRequest {
  return {
    kind: 'memory',
    segmentOverride: -1,
    base: -1,
    index: -1,
    scale: 1,
    displacement: BigInt(address),
    displacementSize: 0,
    addressSize: address > 0xffff ? 4 : 0,
    ripRelative: false,
    size,
  }
}

/** Writes instructions one after the other, at offsets of a code segment. */
class Code {
  readonly bytes: number[] = []
  readonly bits: CodeBits
  readonly start: number

  constructor(bits: CodeBits, start: number) {
    this.bits = bits
    this.start = start
  }

  get here(): number {
    return this.start + this.bytes.length
  }

  /** False when the request has no encoding here. */
  put(
    mnemonic: string,
    operands: readonly OperandRequest[] = [],
    more: Partial<EncodingRequest> = {},
  ): boolean {
    const result = encode({
      mnemonic,
      operands,
      bits: this.bits,
      lock: false,
      repeat: 'none',
      operandSize: 0,
      addressSize: 0,
      unresolved: false,
      ...more,
      address: BigInt(this.here),
    })
    if (result.ok) this.bytes.push(...result.bytes)
    return result.ok
  }

  /** A near branch of fixed length to `address`. */
  branch(mnemonic: string, address: number): void {
    this.put(mnemonic, [{ kind: 'target', address: BigInt(address), distance: 'near' }])
  }

  /** A branch over whatever `body` writes. */
  over(mnemonic: string, body: () => void): void {
    const from = this.bytes.length
    this.branch(mnemonic, this.here)
    const length = this.bytes.length - from
    body()
    const rest = this.bytes.splice(from)
    this.branch(mnemonic, this.start + from + rest.length)
    this.bytes.push(...rest.slice(length))
  }
}

const JCC = [
  'jo',
  'jno',
  'jb',
  'jae',
  'jz',
  'jnz',
  'jbe',
  'ja',
  'js',
  'jns',
  'jp',
  'jnp',
  'jl',
  'jge',
  'jle',
  'jg',
]

/**
 * Where the data of an access lies. A few percent of them fault, cross a page or use an alias. `rivals`: percentage that
 * competes with the code for the TLB, 0 without paging.
 */
function dataAddress(random: Random, narrow: boolean, rivals: number): number {
  if (narrow) return DATA16 + random.below(0x1ff0)
  if (random.chance(4)) return DATA + 0x2000 + random.below(0x2000)
  if (random.chance(5)) return DATA + 0xff9 + random.below(7)
  const address = DATA + random.pick([0, 0x1000, 0x4000]) + random.below(0xfe0)
  if (rivals === 0) return address
  if (random.chance(rivals)) return random.pick([0, ...ALIASES]) + RIVAL + random.below(0xfe0)
  return random.chance(10) ? random.pick(ALIASES) + address : address
}

/** Gives the registers of a memory operand values, and the operand a displacement, that add up to an address with data. */
function aim(code: Code, random: Random, memory: MemoryRequest, rivals: number): MemoryRequest {
  const addressSize = memory.addressSize || (code.bits === 64 ? 8 : code.bits === 32 ? 4 : 2)
  const { base, index, scale } = memory
  const address = dataAddress(random, addressSize === 2 || code.bits === 16, rivals)
  if (base === RSP) return memory
  if (base < 0 && index < 0) return { ...memory, displacement: BigInt(address) }
  const displacement = Number(memory.displacement) % 0x1000
  const small = random.below(8)
  const width = addressSize === 2 ? 2 : 4
  if (index >= 0 && base >= 0 && index !== base) {
    code.put('mov', [general(index, width), immediate(small)])
    code.put('mov', [general(base, width), immediate(address - displacement - small * scale)])
  } else {
    const factor = (base >= 0 ? 1 : 0) + (index >= 0 ? scale : 0)
    const register = base >= 0 ? base : index
    code.put('mov', [general(register, width), immediate(Math.floor((address - displacement) / factor))])
  }
  return { ...memory, displacement: BigInt(displacement) }
}

function randomInstruction(code: Code, random: Random, rivals: number): void {
  const request = random.pick(random.pick(pool(code.bits)))
  if (request.mnemonic === 'leave' && random.chance(90)) return
  const operands = request.operands.map((operand) => {
    if (operand.kind === 'immediate' && random.chance(50) && operand.value > 1n)
      return { ...operand, value: BigInt(random.below(Number(operand.value & 0x7fff_ffffn) + 1)) }
    return operand.kind === 'memory' ? aim(code, random, operand, rivals) : operand
  })
  const isString = /^(movs|stos|lods|scas|cmps)[bwdq]$/.test(request.mnemonic)
  if (isString) {
    const size: Size = code.bits === 16 ? 2 : 4
    const narrow = code.bits === 16 || request.addressSize === 2
    for (const register of [6, 7])
      code.put('mov', [general(register, size), immediate(dataAddress(random, narrow, rivals))])
    if (request.repeat !== 'none') code.put('mov', [general(1, size), immediate(random.below(6))])
    if (random.chance(10)) code.put(random.pick(['std', 'cld']))
  }
  // Bit offsets in registers reach far; so does XLAT's base.
  const [, offset] = operands
  const tame = random.chance(90)
  if (/^bt[src]?$/.test(request.mnemonic) && operands.length > 1 && offset.kind === 'register' && tame)
    code.put('mov', [general(offset.index, code.bits === 16 ? 2 : 4), immediate(random.below(0x400))])
  if (request.mnemonic === 'xlatb' && tame)
    code.put('mov', [
      general(3, code.bits === 16 ? 2 : 4),
      immediate(dataAddress(random, code.bits === 16, rivals)),
    ])
  // Divisions that overflow are common by chance; a small dividend makes them rare.
  if (/^i?div$/.test(request.mnemonic) && random.chance(90))
    code.put('mov', [general(2, code.bits === 16 ? 2 : 4), immediate(0)])
  code.put(request.mnemonic, operands, { ...request, operands })
}

/** One step of a chunk: an instruction, a conditional part, a call, a short loop, or a change of code. */
function part(code: Code, random: Random, rivals: number, depth: number): void {
  const inner = (): void => {
    for (let n = random.below(4); n >= 0; n--) part(code, random, rivals, depth + 1)
  }
  const kind = depth < 2 ? random.below(100) : 99
  if (kind < 10) code.over(random.pick(JCC), inner)
  else if (kind < 13) {
    // A function over which control jumps, then a call of it.
    let entry = 0
    code.over('jmp', () => {
      entry = code.here
      inner()
      code.put('ret')
    })
    code.branch('call', entry)
  } else if (kind < 16) {
    code.put('mov', [general(1, code.bits === 16 ? 2 : 4), immediate(random.below(5) + 1)])
    const top = code.here
    randomInstruction(code, random, rivals)
    code.put(random.pick(['loop', 'loop', 'loope', 'loopne']), [
      { kind: 'target', address: BigInt(top), distance: 'short' },
    ])
  } else if (kind < 18) {
    // Changes the immediate of an instruction to come.
    code.over('jz', () => {
      const width: Size = code.bits === 16 ? 2 : 4
      const base = code.bits === 16 ? PROGRAM : 0
      const distance = 12
      const target = base + code.here + distance
      code.put('mov', [
        at(rivals > 0 && random.chance(30) && code.bits !== 16 ? ALIASES[0] + target : target, 1),
        immediate(random.below(200)),
      ])
      while (code.here + base < target - (width === 2 ? 1 : 1)) code.put('nop')
      code.put('mov', [general(random.pick([RAX, 2, 3]), width), immediate(0x1234)])
    })
  } else if (kind < 20) {
    code.put('push', [general(random.pick([0, 3, 7]), code.bits === 64 ? 8 : code.bits === 32 ? 4 : 2)])
    inner()
    code.put('pop', [general(random.pick([0, 3, 7]), code.bits === 64 ? 8 : code.bits === 32 ? 4 : 2)])
  } else randomInstruction(code, random, rivals)
}

/** What differs between the three machines that programs run on. */
interface Setting {
  readonly bits: CodeBits
  /** Code sizes of chunks. */
  readonly chunks: readonly CodeBits[]
}

export const SETTINGS: Readonly<Record<CodeBits, Setting>> = {
  64: { bits: 64, chunks: [64, 64, 64, 32, 16] },
  32: { bits: 32, chunks: [32, 32, 16] },
  16: { bits: 16, chunks: [16] },
}

function selectorOf(bits: CodeBits): number {
  return bits === 64 ? SELECTOR.code64 : bits === 32 ? SELECTOR.code32 : SELECTOR.code16
}

/** Offset in its code segment of an address. */
function offsetOf(address: number, bits: CodeBits): number {
  return bits === 16 ? address - PROGRAM : address
}

/** GO_ON is in reach of 16-bit addresses, and far pointers are of the machine's own size. */
function goOn(code: Code, machine: CodeBits): void {
  code.put('jmp far', [at(GO_ON, 4)], {
    operandSize: machine === 16 ? 2 : 4,
    operands: [at(GO_ON, machine === 16 ? 2 : 4)],
  })
}

function setGoOn(code: Code, machine: CodeBits, address: number, bits: CodeBits): void {
  const offset = offsetOf(address, bits)
  if (machine === 16) {
    code.put('mov', [at(GO_ON, 2), immediate(offset)])
    code.put('mov', [at(GO_ON + 2, 2), immediate(PROGRAM / 16)])
  } else {
    code.put('mov', [at(GO_ON, 4), immediate(offset)])
    code.put('mov', [at(GO_ON + 4, 2), immediate(selectorOf(bits))])
  }
}

/** A processor ready for programs of a setting. */
export function agreementBench(bits: CodeBits): Bench {
  const made = bench(bits, new Map(SYSTEM_INSTRUCTIONS))
  const { memory, state } = made.cpu
  Object.assign(made.cpu.ports, { read: () => 0xff, write: () => undefined })
  // Whoever strays finds HLT.
  const halts = new Uint8Array(4096).fill(0xf4)
  for (let address = 0; address < RAM_BYTES; address += 4096) {
    if (bits !== 64 || address < PAGE_TABLES || address > PAGE_TABLE) memory.load(address, halts)
  }
  DESCRIPTORS.forEach((descriptor, n) => memory.write(GDT + n * 8, 8, descriptor))
  state.gdtrBase = BigInt(GDT)
  state.gdtrLimit = DESCRIPTORS.length * 8 - 1
  for (let vector = 0; vector < 32; vector++) {
    if (bits === 16) memory.write(vector * 4, 4, BigInt((HANDLER / 16) << 16))
    else {
      const gate = BigInt(HANDLER) | (BigInt(selectorOf(bits)) << 16n) | (0x8en << 40n)
      memory.write(IDT + vector * (bits === 64 ? 16 : 8), 8, gate)
    }
  }
  state.idtrBase = bits === 16 ? 0n : BigInt(IDT)
  state.idtrLimit = 0xfff
  for (let n = 0; n < 6; n++)
    state.segments[n].selector =
      bits === 16 ? (n === CS ? PROGRAM / 16 : 0) : n === CS ? selectorOf(bits) : SELECTOR.data
  if (bits === 64) {
    memory.write(PAGE_TABLE + (DATA / 4096 + 2) * 8, 8, BigInt(DATA + 0x2000) | 5n)
    memory.write(PAGE_TABLE + (DATA / 4096 + 3) * 8, 8, 0n)
    for (const alias of ALIASES) memory.write(PAGE_DIRECTORY + (alias >> 21) * 8, 8, BigInt(PAGE_TABLE) | 7n)
  } else {
    // FS has a base and GS a limit, so that segments other than flat ones are tested.
    state.segments[4].base = 0x123n
    if (bits === 32) state.segments[5].limit = DATA + 0x8ff
  }
  const handler = new Code(bits, offsetOf(HANDLER, 32))
  handler.put('mov', [general(RSP, bits === 16 ? 2 : 4), immediate(bits === 16 ? 0x7f00 : STACK - 256)])
  handler.put('cld')
  goOn(handler, bits)
  memory.load(HANDLER, Uint8Array.from(handler.bytes))
  return made
}

/** A program: bytes by address. It halts after some thousand instructions at most. */
export function randomProgram(random: Random, machine: CodeBits): { address: number; bytes: Uint8Array }[] {
  const setting = SETTINGS[machine]
  const kinds = Array.from({ length: CHUNKS }, (_, n) => (n === 0 ? machine : random.pick(setting.chunks)))
  const parts = kinds.map((bits, n) => {
    const address = PROGRAM + (n === 0 ? 0 : 0x880 + n * CHUNK_BYTES + random.below(64))
    return { bits, address }
  })
  const last = { bits: machine, address: PROGRAM + 0x880 + CHUNKS * CHUNK_BYTES }
  // Some programs do little else than drive their own code out of the TLB.
  const rivals = machine !== 64 ? 0 : random.chance(25) ? 70 : 5
  const halt = new Code(machine, 0)
  halt.put('hlt')
  const program = parts.map(({ bits, address }, n) => {
    const next = parts[n + 1] ?? last
    const code = new Code(bits, offsetOf(address, bits))
    setGoOn(code, machine, next.address, next.bits)
    code.put('mov', [
      general(RSP, bits === 16 ? 2 : 4),
      immediate(machine === 16 ? 0x7f00 : bits === 16 ? 0xff00 : STACK - 256),
    ])
    code.put('mov', [at(COUNTER, 2), immediate(random.below(3) + 1)])
    const top = code.here
    const room = CHUNK_BYTES - 240
    while (code.bytes.length < room && !random.chance(4)) {
      const before = code.bytes.length
      part(code, random, rivals, 0)
      if (code.bytes.length > room + 100) code.bytes.length = before
    }
    code.put('dec', [at(COUNTER, 2)])
    code.branch('jnz', top)
    if (next.bits === bits && random.chance(50)) code.branch('jmp', offsetOf(next.address, bits))
    else goOn(code, machine)
    return { address, bytes: Uint8Array.from(code.bytes) }
  })
  return [...program, { address: last.address, bytes: Uint8Array.from(halt.bytes) }]
}
