/**
 * The consistency checks of VMRUN, made again only for what has changed since they last passed on this processor: a hypervisor
 * enters the same guest again and again, and changes little in its VMCB. The verdict is that of failedChecks() always.
 */
import { CHECKS, failedChecks, loadsPdpes } from './checks.ts'
import type { Cpu, FailedCheck, VmcbWords } from '../state/cpu.ts'
import { cpuFacts } from './facts.ts'
import { vmcbField } from './fields.ts'

/** Offsets of the VMCB's words that the checks read: those of the fields that they name. */
const CHECKED_WORDS = Uint16Array.from(
  new Set(
    CHECKS.flatMap(({ fields }) => fields.map(vmcbField)).flatMap(({ offset, bytes }) =>
      bytes > 4 ? [offset, offset + 4] : [offset & ~3],
    ),
  ),
)

/** What a processor's last VMCB had in CHECKED_WORDS when it passed, and what the host's paging was. */
interface Passed {
  readonly words: Uint32Array
  hostPaging: boolean
  isKnown: boolean
}

const PASSED = new WeakMap<Cpu, Passed>()

function passedOf(cpu: Cpu): Passed {
  let passed = PASSED.get(cpu)
  if (passed === undefined) {
    passed = { words: new Uint32Array(CHECKED_WORDS.length), hostPaging: false, isKnown: false }
    PASSED.set(cpu, passed)
  }
  return passed
}

function isUnchanged(vmcb: VmcbWords, passed: Passed): boolean {
  for (let i = 0; i < CHECKED_WORDS.length; i++) {
    if (vmcb.word(CHECKED_WORDS[i]) !== passed.words[i]) return false
  }
  return true
}

/** The checks that a VMCB fails on this processor, in the manual's order; empty when VMRUN enters the guest. */
export function checkVmcb(cpu: Cpu, vmcb: VmcbWords): readonly FailedCheck[] {
  const passed = passedOf(cpu)
  const facts = cpuFacts(cpu)
  const { hostPaging } = facts
  if (passed.isKnown && passed.hostPaging === hostPaging && isUnchanged(vmcb, passed)) return NO_FAILURES
  const failed = failedChecks(vmcb, facts)
  // The PDPEs lie in memory and change without a trace in the VMCB.
  passed.isKnown = failed.length === 0 && !loadsPdpes(vmcb, facts)
  passed.hostPaging = hostPaging
  for (let i = 0; i < CHECKED_WORDS.length; i++) passed.words[i] = vmcb.word(CHECKED_WORDS[i])
  return failed
}

const NO_FAILURES: readonly FailedCheck[] = []
