/** Writes WebAssembly instructions into a growing byte buffer and knows how deep in control constructs it is. */
import { OP, TYPE, type ValueType } from './opcodes.ts'

/** Position of an open control construct, for branches out of it or, for a loop, back to its start. */
export type Label = number

export class Emitter {
  #bytes = new Uint8Array(1024)
  #length = 0
  /** Open blocks, loops and ifs. */
  #depth = 0

  get length(): number {
    return this.#length
  }

  /** The bytes written so far; valid until the next write. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = value
  }

  append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #grow(atLeast: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + atLeast))
    larger.set(this.bytes())
    this.#bytes = larger
  }

  /** Unsigned LEB128. */
  unsigned(value: number): void {
    while (value >= 0x80) {
      this.byte((value & 0x7f) | 0x80)
      value >>>= 7
    }
    this.byte(value)
  }

  /** Signed LEB128 of a 32-bit integer. */
  #signed(value: number): void {
    while (value < -64 || value > 63) {
      this.byte((value & 0x7f) | 0x80)
      value >>= 7
    }
    this.byte(value & 0x7f)
  }

  #signed64(value: bigint): void {
    while (value < -64n || value > 63n) {
      this.byte(Number(value & 0x7fn) | 0x80)
      value >>= 7n
    }
    this.byte(Number(value & 0x7fn))
  }

  i32(value: number): void {
    this.byte(OP.i32Const)
    this.#signed(value | 0)
  }

  /** Any 64-bit value, signed or unsigned. */
  i64(value: bigint): void {
    this.byte(OP.i64Const)
    const signed = BigInt.asIntN(64, value)
    if (signed >= -0x4000_0000n && signed < 0x4000_0000n) this.#signed(Number(signed))
    else this.#signed64(signed)
  }

  get(local: number): void {
    this.byte(OP.localGet)
    this.unsigned(local)
  }

  set(local: number): void {
    this.byte(OP.localSet)
    this.unsigned(local)
  }

  tee(local: number): void {
    this.byte(OP.localTee)
    this.unsigned(local)
  }

  call(functionIndex: number): void {
    this.byte(OP.call)
    this.unsigned(functionIndex)
  }

  /** A load or store with a constant offset. The alignment is only a hint and always 0. */
  memory(op: number, offset: number): void {
    this.byte(op)
    this.byte(0)
    this.unsigned(offset)
  }

  #open(op: number, result: ValueType | typeof TYPE.none): Label {
    this.byte(op)
    this.byte(result)
    return ++this.#depth
  }

  block(): Label {
    return this.#open(OP.block, TYPE.none)
  }

  loop(): Label {
    return this.#open(OP.loop, TYPE.none)
  }

  if(result: ValueType | typeof TYPE.none = TYPE.none): Label {
    return this.#open(OP.if, result)
  }

  else(): void {
    this.byte(OP.else)
  }

  end(): void {
    this.byte(OP.end)
    this.#depth--
  }

  branch(label: Label): void {
    this.byte(OP.br)
    this.unsigned(this.#depth - label)
  }

  branchIf(label: Label): void {
    this.byte(OP.brIf)
    this.unsigned(this.#depth - label)
  }

  /** Branches to labels[n] for the n on the stack, to `otherwise` beyond. */
  branchTable(labels: readonly Label[], otherwise: Label): void {
    this.byte(OP.brTable)
    this.unsigned(labels.length)
    for (const label of labels) this.unsigned(this.#depth - label)
    this.unsigned(this.#depth - otherwise)
  }
}
