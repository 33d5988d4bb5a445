/**
 * String instructions (APM vol 3 chapter 3; repeat prefixes §1.2.6). One execution does one element; with a repeat prefix the
 * instruction executes again until the count or ZF ends it, so that interrupts and faults find it between two elements.
 */
import type { Size } from '../isa/instruction.ts'
import { DS, ES, RAX, RCX, RDI, RSI, ZF } from '../isa/registers.ts'
import { FLAGS } from '../state/flags.ts'
import type { Builder, Condition, Semantics, Value } from './builder.ts'

function sourceSegment(b: Builder): number {
  return b.instruction.segmentOverride < 0 ? DS : b.instruction.segmentOverride
}

/** Moves rSI or rDI to the next element in the direction that DF gives. */
function advance(b: Builder, register: number, size: Size): void {
  const width = b.instruction.addressSize
  const old = b.register(register, width)
  const up = b.add(width, old, b.constant(size))
  const down = b.sub(width, old, b.constant(size))
  b.setRegister(register, width, b.select(b.flags.direction(), down, up))
}

/** ZF has the value with which REPE or REPNE goes on. */
function zfAsks(b: Builder): Condition {
  const zf = b.flags.get(ZF)
  return b.instruction.repeat === 'repe' ? zf : b.negate(zf)
}

/** A string instruction that ends by count only (MOVS, STOS, LODS), or also by ZF (CMPS, SCAS). */
function repeated(element: (b: Builder, size: Size) => void, untilZf: boolean): Semantics {
  return (b) => {
    const { operandSize, addressSize, repeat } = b.instruction
    if (repeat === 'none') {
      element(b, operandSize)
      return
    }
    const count = b.register(RCX, addressSize)
    b.if(b.negate(b.isZero(count)), () => {
      element(b, operandSize)
      const left = b.sub(addressSize, count, b.constant(1))
      b.setRegister(RCX, addressSize, left)
      const remains = b.negate(b.isZero(left))
      b.if(untilZf ? b.both(remains, zfAsks(b)) : remains, () => {
        b.again()
      })
    })
  }
}

function compare(b: Builder, size: Size, left: Value, right: Value): void {
  b.flags.lazy(FLAGS.sub, size, left, right, b.sub(size, left, right))
}

function movs(b: Builder, size: Size): void {
  const { addressSize } = b.instruction
  const value = b.load(sourceSegment(b), b.register(RSI, addressSize), size)
  b.store(ES, b.register(RDI, addressSize), size, value)
  advance(b, RSI, size)
  advance(b, RDI, size)
}

function stos(b: Builder, size: Size): void {
  b.store(ES, b.register(RDI, b.instruction.addressSize), size, b.register(RAX, size))
  advance(b, RDI, size)
}

function lods(b: Builder, size: Size): void {
  const value = b.load(sourceSegment(b), b.register(RSI, b.instruction.addressSize), size)
  b.setRegister(RAX, size, value)
  advance(b, RSI, size)
}

function cmps(b: Builder, size: Size): void {
  const { addressSize } = b.instruction
  const left = b.load(sourceSegment(b), b.register(RSI, addressSize), size)
  const right = b.load(ES, b.register(RDI, addressSize), size)
  advance(b, RSI, size)
  advance(b, RDI, size)
  compare(b, size, left, right)
}

function scas(b: Builder, size: Size): void {
  const right = b.load(ES, b.register(RDI, b.instruction.addressSize), size)
  advance(b, RDI, size)
  compare(b, size, b.register(RAX, size), right)
}

export const strings: Readonly<Record<string, Semantics>> = {
  movs: repeated(movs, false),
  stos: repeated(stos, false),
  lods: repeated(lods, false),
  cmps: repeated(cmps, true),
  scas: repeated(scas, true),
}
