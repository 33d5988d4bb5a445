/** The operands of the instruction that evaluate executes: three reusable records, so that an instruction allocates none. */
import type { Size } from '../../isa/instruction.ts'
import { readLinear, writeLinear } from '../../paging/access.ts'
import { readData, writeData } from '../../paging/data-port.ts'
import type { Cpu } from '../../state/cpu.ts'
import type { Vcpu } from '../../state/vcpu.ts'
import { readRegister, writeRegister } from './registers.ts'

export const OPERAND = { register: 0, constant: 1, physical: 2, linear: 3 } as const

export class EvaluatedOperand {
  readonly #cpu: Cpu
  readonly #state: Vcpu
  kind: number = OPERAND.constant
  size: Size = 8
  /** Of a register. */
  index = 0
  highByte = false
  /** Of an immediate. */
  value = 0n
  /** Where a memory operand lies: its linear address, and its sPA when it lies on one page and is already translated. */
  linear = 0n
  physical = 0

  constructor(cpu: Cpu) {
    this.#cpu = cpu
    this.#state = cpu.state
  }

  get(): bigint {
    switch (this.kind) {
      case OPERAND.register:
        return readRegister(this.#state, this.index, this.size, this.highByte)
      case OPERAND.constant:
        return this.value
      case OPERAND.physical:
        return readData(this.#cpu, this.linear, this.physical, this.size)
      default:
        return readLinear(this.#cpu, this.linear, this.size)
    }
  }

  set(value: bigint): void {
    switch (this.kind) {
      case OPERAND.register:
        writeRegister(this.#state, this.index, this.size, value, this.highByte)
        return
      case OPERAND.physical:
        writeData(this.#cpu, this.linear, this.physical, this.size, value)
        return
      default:
        writeLinear(this.#cpu, this.linear, this.size, value)
    }
  }
}
