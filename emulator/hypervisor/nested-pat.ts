/**
 * The experiment of the case study, after KVM's selftest svm_nested_pat_test: L1 and L2 both read and write PAT, with nested paging
 * for L2 on or off, and what each finds afterwards is recorded. It runs on the machine, under L0 with a design; the book prints
 * the outcomes of the designs side by side.
 */
import { assemble } from '../isa/index.ts'
import { Machine, START } from '../machine/index.ts'
import { VMCB_BYTES, vmcbField, writeField } from '../svm/index.ts'
import type { Decisions } from './decisions.ts'
import { cpuOfL1, createL0 } from './create.ts'
import type { Migration } from './migration.ts'

/** The values of the selftest: what L1 gives itself (PA0 is WT), what vmcb12 has for L2, what L2 writes, and one that is illegal. */
export const NESTED_PAT = {
  l1: 0x0007_0406_0007_0404n,
  vmcb12: 0x0606_0606_0606_0606n,
  l2: 0x0606_0606_0606_0604n,
  invalid: 0x0808_0808_0808_0808n,
} as const

export interface NestedPatSetup {
  /** Of L0; undefined for a machine without one, where the processor runs both. */
  readonly decisions: Decisions | undefined
  /** The setting of the design's quirk. */
  readonly sharedPatQuirk?: boolean | undefined
  /** NP_ENABLE in vmcb12. */
  readonly nestedPaging: boolean
  /** g_pat in vmcb12. */
  readonly gPat?: bigint
  /** How often L1 executes VMRUN; between two it only moves L2's rIP back to the beginning. */
  readonly rounds?: number
  readonly migration?: Migration
}

/** What one VMRUN came to. */
export interface NestedPatRound {
  /** As a signed number: 81h VMMCALL, -1 VMEXIT_INVALID. */
  readonly exitCode: bigint
  /** What L2 reads first, and after its own write; 0 if it does not run. */
  readonly l2Reads: bigint
  readonly l2ReadsBack: bigint
  /** What L1 reads after the exit. */
  readonly l1Reads: bigint
  /** g_pat in vmcb12 after the exit. */
  readonly vmcb12: bigint
}

const [L1_BYTES, L2, VMCB, NESTED, RECORDS] = [0x10_0000, 0x1_2000, 0x2_0000, 0x4_0000, 0x6_0000]
/** Five quadwords to a round, in the order of NestedPatRound. */
const RECORD_BYTES = 40
const PAT = 0x277

/** RDMSR of PAT to the quadword at rDI + `offset`. */
function readPatTo(offset: number): string {
  return `mov ecx, ${PAT}\n rdmsr\n mov [rdi + ${offset}], eax\n mov [rdi + ${offset} + 4], edx\n`
}

function writePat(value: bigint): string {
  return `mov ecx, ${PAT}\n mov eax, ${value & 0xffff_ffffn}\n mov edx, ${value >> 32n}\n wrmsr\n`
}

/** rDI: the record of the round; rBX: the rounds that are left. L2 finds them as L1 left them. */
function source(rounds: number): string {
  const field = (key: string): number => VMCB + vmcbField(key).offset
  return `bits 64
    org ${START.program}
    mov edi, ${RECORDS}
    mov ebx, ${rounds}
    ${writePat(NESTED_PAT.l1)}
  again:
    mov eax, ${VMCB}
    vmrun
    mov rax, [${field('control.exit_code')}]
    mov [rdi], rax
    ${readPatTo(24)}
    mov rax, [${field('save.g_pat')}]
    mov [rdi + 32], rax
    mov qword [${field('save.rip')}], ${L2}
    add edi, ${RECORD_BYTES}
    dec ebx
    jnz again
    hlt
    times ${L2 - START.program} - ($ - $$) db 0
    ${readPatTo(8)}
    ${writePat(NESTED_PAT.l2)}
    ${readPatTo(16)}
    vmmcall`
}

/** 64-bit code on L1's page tables; of the intercepts only VMRUN and VMMCALL. */
const VMCB12: Readonly<Record<string, bigint>> = {
  'control.intercept_vector_4': 3n,
  'control.asid': 1n,
  'control.n_cr3': BigInt(NESTED),
  'save.efer': 0x1500n,
  'save.cr0': 0x8000_0031n,
  'save.cr4': 0x20n,
  'save.cr3': BigInt(START.pml4),
  'save.cs.attrib': 0xa9bn,
  'save.ss.attrib': 0xc93n,
  'save.rip': BigInt(L2),
  'save.rsp': 0x5_0000n,
}

function words(...values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer)
}

function vmcb12Image({ nestedPaging, gPat = NESTED_PAT.vmcb12 }: NestedPatSetup): Uint8Array {
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  const own = { 'control.nested_control': nestedPaging ? 1n : 0n, 'save.g_pat': gPat }
  for (const [key, value] of Object.entries({ ...VMCB12, ...own })) writeField(image, vmcbField(key), value)
  return new Uint8Array(image.buffer)
}

/** Runs the experiment; one entry per VMRUN that came back. Fewer than `rounds`: L1 was lost. */
export function runNestedPat(setup: NestedPatSetup): NestedPatRound[] {
  const { decisions, sharedPatQuirk, migration, rounds = 1 } = setup
  const l0 = decisions && createL0(L1_BYTES, { decisions, sharedPatQuirk, migration })
  const machine = new Machine({ ramBytes: L1_BYTES, cpu: cpuOfL1(), ...(l0 && { host: l0.host }) })
  machine.start('long', START.program)
  machine.load(
    START.program,
    assemble({ files: new Map([['pat.asm', source(rounds)]]), entry: 'pat.asm' }).bytes,
  )
  machine.load(VMCB, vmcb12Image(setup))
  // Nested tables: a PML4 entry, and a PDPT whose first entry maps 1 GB to itself (bit 7, PS).
  machine.load(NESTED, words(BigInt(NESTED + 0x1000) | 7n))
  machine.load(NESTED + 0x1000, words(0x87n))
  machine.run(20_000)
  const records = new DataView(machine.readMemory(RECORDS, rounds * RECORD_BYTES).buffer)
  return Array.from({ length: rounds }, (_, round): NestedPatRound => {
    const at = (n: number): bigint => records.getBigUint64(round * RECORD_BYTES + n * 8, true)
    const exitCode = BigInt.asIntN(64, at(0))
    return { exitCode, l2Reads: at(1), l2ReadsBack: at(2), l1Reads: at(3), vmcb12: at(4) }
  }).filter(({ l1Reads }) => l1Reads !== 0n)
}

/** A design in the table that the book prints. */
export interface NestedPatRow {
  /** Exit code of VMRUN with an illegal g_pat and nested paging on. */
  readonly invalid: bigint
  readonly nestedPaging: NestedPatRound
  readonly noNestedPaging: NestedPatRound
}

/** What a design makes of the experiment, by running it; without a design, what the processor does. */
export function nestedPatRow(decisions: Decisions | undefined, sharedPatQuirk?: boolean): NestedPatRow {
  const base = { decisions, sharedPatQuirk }
  const [[illegal], [on], [off]] = [
    runNestedPat({ ...base, nestedPaging: true, gPat: NESTED_PAT.invalid }),
    runNestedPat({ ...base, nestedPaging: true }),
    runNestedPat({ ...base, nestedPaging: false }),
  ]
  return { invalid: illegal.exitCode, nestedPaging: on, noNestedPaging: off }
}

/** The second exit of L2 that its vCPU can be moved at: L2 has written its PAT. */
const WRITTEN = 2

/**
 * The experiment with nested paging on, and the vCPU moved once, after L2 has written its PAT. Undefined: the saved state is refused.
 * `olderGPat`: the state is one of before the series, with this in g_pat of L1's save area. `to`: the other host's L0 decides so.
 */
export function movedNestedPat(
  decisions: Decisions,
  sharedPatQuirk: boolean | undefined,
  move: Pick<Migration, 'msrs' | 'olderGPat' | 'to'>,
): NestedPatRound | undefined {
  const migration: Migration = { ...move, at: ['l2'], occasion: WRITTEN }
  return runNestedPat({ decisions, sharedPatQuirk, nestedPaging: true, migration }).at(0)
}
