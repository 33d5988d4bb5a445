/** RDRAND and RDSEED (APM vol 3): numbers that the machine's seed and the time determine. They never run out: CF is always 1. */
import type { Instruction } from '../isa/instruction.ts'
import { CF } from '../isa/registers.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { undefinedOpcode } from '../state/faults.ts'
import { setArithmeticFlags } from '../state/flags.ts'
import { registerOperand, writeRegister } from './operands.ts'
import { timeOf } from './time.ts'

/** The finalizer of SplitMix64 (Steele, Lea, Flood 2014), which spreads every bit of its argument over all 64. */
export function mix(value: bigint): bigint {
  let mixed = BigInt.asUintN(64, value)
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58_476d_1ce4_e5b9n)
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn)
  return mixed ^ (mixed >> 31n)
}

/** A 64-bit number, another one at each instruction. */
function randomNumber({ state, seed }: Cpu): bigint {
  return mix(mix(BigInt(seed)) + BigInt(timeOf(state)) * 0x9e37_79b9_7f4a_7c15n)
}

function random(feature: 'rdrand' | 'rdseed'): SystemInstruction {
  return (cpu: Cpu, instruction: Instruction) => {
    if (!cpu.model.has(feature)) undefinedOpcode()
    const { index, size } = registerOperand(instruction, 0)
    writeRegister(cpu.state, index, size, BigInt.asUintN(size * 8, randomNumber(cpu)))
    setArithmeticFlags(cpu.state, CF)
  }
}

export const randomInstructions = { rdrand: random('rdrand'), rdseed: random('rdseed') } as const
