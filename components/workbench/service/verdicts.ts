/** What the consistency checks say about VMCBs: of texts, of memory, and of kernel logs. */
import { parseKvmDump, type Lab } from '../../../emulator/lab/index.ts'
import { createCpuModel } from '../../../emulator/machine/index.ts'
import { CHECKS, imageView, modelFacts, VMCB_BYTES, type CheckFacts } from '../../../emulator/svm/index.ts'
import { sameBytes } from '../bytes.ts'
import type { CheckVerdict, KvmReport, VmcbVerdict } from '../state-protocol.ts'
import type { Bench } from './bench.ts'

function checksOf(image: Uint8Array, facts: CheckFacts): CheckVerdict[] {
  const vmcb = imageView(new DataView(image.slice().buffer))
  return CHECKS.map(({ id, fields, section, explanation, fails, bits }) => {
    const hasFailed = fails(vmcb, facts)
    return { id, fields, section, explanation, hasFailed, bits: hasFailed ? bits(vmcb, facts) : 0n }
  })
}

/** Whether the image is that of a VMCB of the run: as its text gave it, or as memory has it. Others have not been tried yet. */
function isOfRun({ session, build }: Bench, image: Uint8Array): boolean {
  return (build?.vmcbs ?? []).some(
    ({ address, text }) =>
      sameBytes(text.image, image) || sameBytes(session.machine.readMemory(address, VMCB_BYTES), image),
  )
}

/** What the reader has to do before the lab tells of this VMCB; undefined if it does. */
function untilWhat(
  bench: Bench,
  reveal: Lab['reveal'],
  image: Uint8Array,
): 'run' | 'guess' | 'never' | undefined {
  switch (reveal) {
    case 'live':
      return undefined
    case 'never':
      return 'never'
    case 'after-guess':
      return bench.hasGuessed && isOfRun(bench, image) ? undefined : 'guess'
    case 'after-run': {
      const { ending, machine } = bench.session
      const hasRun = ending !== undefined || machine.events.since().some(({ kind }) => kind === 'vmexit')
      return hasRun && isOfRun(bench, image) ? undefined : 'run'
    }
  }
}

/** The checks on a VMCB of the reader's, as far as the lab tells of them. */
export function vmcbVerdict(bench: Bench, image: Uint8Array): VmcbVerdict {
  const { lab, machine } = bench.session
  if (image.length !== VMCB_BYTES) throw new RangeError(`a VMCB has ${VMCB_BYTES} bytes`)
  const until = untilWhat(bench, lab.reveal, image)
  if (until !== undefined) return { isTold: false, until }
  const facts: CheckFacts = {
    ...modelFacts(createCpuModel(lab.machine.cpu)),
    memoryWord(address) {
      const bytes = machine.readMemory(address, 4)
      return bytes.length < 4 ? 0 : new DataView(bytes.slice().buffer).getUint32(0, true)
    },
  }
  return { isTold: true, checks: checksOf(image, facts) }
}

/** What a kernel log says. No lab keeps back what its reader knows from elsewhere. */
export function readKvmLog({ session }: Bench, log: string): KvmReport {
  const dump = parseKvmDump(log)
  if (!dump.ok) return dump
  const { image, values, notes } = dump
  return {
    ok: true,
    image,
    notes,
    keys: values.map(({ field }) => field.key),
    checks: checksOf(image, modelFacts(createCpuModel(session.lab.machine.cpu))),
  }
}
