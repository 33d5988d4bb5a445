/** What the consistency checks need to know about a processor. */
import type { Cpu, CpuModel } from '../state/cpu.ts'
import { OFFSET } from '../state/layout.ts'
import { CR0 } from '../state/mode.ts'
import { cr3ReservedBits, cr4ReservedBits, eferReservedBits } from '../system/validity.ts'
import type { CheckFacts, Mask } from './checks.ts'

function mask(bits: bigint): Mask {
  return { low: Number(bits & 0xffff_ffffn), high: Number(bits >> 32n) }
}

/** Facts of a model, for a VMCB that no processor runs yet: paging is on in the host, and there is no memory to look at. */
export function modelFacts(model: CpuModel): CheckFacts {
  return {
    physicalAddressBits: model.physicalAddressBits,
    longMode: model.has('lm'),
    virtualNmi: model.has('vnmi'),
    nestedPaging: model.has('np'),
    cr3Reserved: mask(cr3ReservedBits(model)),
    cr4Reserved: mask(cr4ReservedBits(model)),
    eferReserved: mask(eferReservedBits(model)),
    hostPaging: true,
  }
}

const CR0_WORD = OFFSET.cr0 >> 2
const PG = Number(CR0.PG)

const FACTS = new WeakMap<Cpu, CheckFacts>()

/** Facts of a processor that is about to execute VMRUN; `hostPaging` follows its CR0. */
export function cpuFacts(cpu: Cpu): CheckFacts {
  let facts = FACTS.get(cpu)
  if (facts === undefined) {
    facts = {
      ...modelFacts(cpu.model),
      get hostPaging() {
        return (cpu.state.words[CR0_WORD] & PG) !== 0
      },
      memoryWord: (address: number) => cpu.memory.read32(address),
    }
    FACTS.set(cpu, facts)
  }
  return facts
}
