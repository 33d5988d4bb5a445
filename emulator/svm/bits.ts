/** The bit fields inside VMCB fields: registers (APM vol 2 §3.1), segment attributes (§15.5.1), event words (§15.20). */
import { EXIT_CODES, EXCEPTION_MNEMONICS, EXIT, LAST_INTERCEPT } from '../state/exit-codes.ts'

/** A run of bits of a field. */
export interface BitField {
  /** Lower-case name, unique in its list: 'v_tpr', 'svme'. */
  readonly key: string
  /** The manual's spelling: 'V_TPR', 'SVME'. */
  readonly name: string
  readonly low: number
  readonly width: number
  readonly description: string
  /** Names of values, where the manual gives them. */
  readonly values?: ReadonlyMap<number, string>
}

/** A list of bit fields and the prefix of their names in svm.inc. */
export interface BitList {
  readonly prefix: string
  readonly bits: readonly BitField[]
}

/** A line of a bit list: "high:low NAME description", or "bit NAME description". */
const LINE = /^(?:(\d+):)?(\d+)\s+(\S+)\s+(.+)$/

function bitList(
  prefix: string,
  text: string,
  values: Record<string, ReadonlyMap<number, string>> = {},
): BitList {
  const bits = text
    .trim()
    .split('\n')
    .map((line): BitField => {
      const [, high, low, name, description] = LINE.exec(line.trim())!
      const width = high ? Number(high) - Number(low) + 1 : 1
      const bit = { key: name.toLowerCase(), name, low: Number(low), width, description }
      return name in values ? { ...bit, values: values[name] } : bit
    })
  return { prefix, bits }
}

/** The mask that a bit field covers. */
export function bitMask(bit: BitField): bigint {
  return ((1n << BigInt(bit.width)) - 1n) << BigInt(bit.low)
}

export const CR0_BITS = bitList(
  'CR0',
  `
  0  PE  Protection enable
  1  MP  Monitor coprocessor
  2  EM  Emulation of x87
  3  TS  Task switched
  4  ET  Extension type, always 1
  5  NE  Numeric error
  16 WP  Write protect: supervisor writes honour read-only pages
  18 AM  Alignment mask
  29 NW  Not writethrough; illegal without CD
  30 CD  Cache disable
  31 PG  Paging enable
`,
)

export const CR3_BITS = bitList(
  'CR3',
  `
  3     PWT  Page-level writethrough of the top table
  4     PCD  Page-level cache disable of the top table
  51:12 BASE Physical address of the top table, bits 51:12
`,
)

export const CR4_BITS = bitList(
  'CR4',
  `
  0  VME        Virtual-8086 mode extensions
  1  PVI        Protected-mode virtual interrupts
  2  TSD        RDTSC only at CPL 0
  3  DE         Debugging extensions
  4  PSE        Page size extensions
  5  PAE        Physical address extension
  6  MCE        Machine check enable
  7  PGE        Page global enable
  8  PCE        RDPMC at any CPL
  9  OSFXSR     The operating system uses FXSAVE and FXRSTOR
  10 OSXMMEXCPT The operating system handles #XF
  11 UMIP       User mode instruction prevention
  12 LA57       57-bit linear addresses, 5-level paging
  16 FSGSBASE   RDFSBASE and its kin at any CPL
  17 PCIDE      Process context identifiers
  18 OSXSAVE    XSAVE and extended states
  20 SMEP       Supervisor mode execution prevention
  21 SMAP       Supervisor mode access prevention
  22 PKE        Protection keys
  23 CET        Control-flow enforcement
`,
)

export const EFER_BITS = bitList(
  'EFER',
  `
  0  SCE   System call extensions
  8  LME   Long mode enable
  10 LMA   Long mode active; VMRUN recomputes it from LME and CR0.PG
  11 NXE   No-execute enable
  12 SVME  SVM enable; must be 1 in the guest too
  13 LMSLE Long mode segment limit enable
  14 FFXSR Fast FXSAVE and FXRSTOR
  15 TCE   Translation cache extension
`,
)

export const RFLAGS_BITS = bitList(
  'RFLAGS',
  `
  0     CF   Carry
  2     PF   Parity
  4     AF   Auxiliary carry
  6     ZF   Zero
  7     SF   Sign
  8     TF   Trap: #DB after each instruction
  9     IF   Interrupts enabled
  10    DF   Direction
  11    OF   Overflow
  13:12 IOPL I/O privilege level
  14    NT   Nested task
  16    RF   Resume: no instruction breakpoint on the next instruction
  17    VM   Virtual-8086 mode
  18    AC   Alignment check
  19    VIF  Virtual interrupt flag
  20    VIP  Virtual interrupt pending
  21    ID   CPUID can be changed
`,
)

export const DR6_BITS = bitList(
  'DR6',
  `
  0  B0 Breakpoint 0 matched
  1  B1 Breakpoint 1 matched
  2  B2 Breakpoint 2 matched
  3  B3 Breakpoint 3 matched
  13 BD Debug register accessed while DR7.GD was 1
  14 BS Single step
  15 BT Task switch
`,
)

export const DR7_BITS = bitList(
  'DR7',
  `
  0     L0   Breakpoint 0, local
  1     G0   Breakpoint 0, global
  2     L1   Breakpoint 1, local
  3     G1   Breakpoint 1, global
  4     L2   Breakpoint 2, local
  5     G2   Breakpoint 2, global
  6     L3   Breakpoint 3, local
  7     G3   Breakpoint 3, global
  8     LE   Exact breakpoints, local
  9     GE   Exact breakpoints, global
  13    GD   General detect
  17:16 RW0  Type of breakpoint 0
  19:18 LEN0 Length of breakpoint 0
  21:20 RW1  Type of breakpoint 1
  23:22 LEN1 Length of breakpoint 1
  25:24 RW2  Type of breakpoint 2
  27:26 LEN2 Length of breakpoint 2
  29:28 RW3  Type of breakpoint 3
  31:30 LEN3 Length of breakpoint 3
`,
)

/** 11 G, 10 D/B, 9 L, 8 AVL, 7 P, 6:5 DPL, 4 S, 3:0 type: descriptor bits 55:52 and 47:40. */
export const ATTRIBUTE_BITS = bitList(
  'ATTRIB',
  `
  3:0 TYPE Descriptor type
  4   S    1 = code or data, 0 = system
  6:5 DPL  Descriptor privilege level; the CPL is a field of its own
  7   P    Present; 0 marks a null segment
  8   AVL  Available to software
  9   L    64-bit code
  10  DB   32-bit code, or 32-bit stack
  11  G    Granularity; the limit in the VMCB counts bytes whatever G says
`,
)

/** Memory types as the PAT encodes them (APM vol 2 §7.8); 2, 3 and 8 upwards are reserved. */
export const PAT_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'UC'],
  [1, 'WC'],
  [4, 'WT'],
  [5, 'WP'],
  [6, 'WB'],
  [7, 'UC-'],
])

export const PAT_BITS: BitList = {
  prefix: 'PAT',
  bits: Array.from({ length: 8 }, (_, n) => ({
    key: `pa${n}`,
    name: `PA${n}`,
    low: n * 8,
    width: 8,
    description: `Memory type of page-attribute index ${n}`,
    values: PAT_TYPES,
  })),
}

/** Event types of EVENTINJ and EXITINTINFO (APM vol 2 tables 15-1 and 15-11). */
export const EVENT_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'INTR'],
  [2, 'NMI'],
  [3, 'exception'],
  [4, 'software interrupt'],
])

function eventBits(prefix: string): BitList {
  return bitList(
    prefix,
    `
    7:0   VECTOR    IDT vector; ignored for an NMI
    10:8  TYPE      Kind of event
    11    EV        An error code is pushed
    31    V         The event is valid
    63:32 ERRORCODE The error code
  `,
    { TYPE: EVENT_TYPES },
  )
}

export const EVENTINJ_BITS = eventBits('EVENTINJ')
export const EXITINTINFO_BITS = eventBits('EXITINTINFO')

export const TLB_CONTROL_VALUES: ReadonlyMap<number, string> = new Map([
  [0, 'do nothing'],
  [1, 'flush the TLB, all ASIDs'],
  [3, 'flush the entries of this ASID'],
  [7, 'flush the non-global entries of this ASID'],
])

export const TLB_CONTROL_BITS = bitList('TLB_CONTROL', '7:0 FLUSH What VMRUN flushes', {
  FLUSH: TLB_CONTROL_VALUES,
})

export const ERAP_BITS = bitList(
  'VMCB',
  `
  0 ALLOW_LARGER_RAP The guest's return-address predictor has the full size
  1 CLEAR_RAP        Clear the return-address predictor on VMRUN
`,
)

export const VIRTUAL_INTERRUPT_BITS = bitList(
  'VMCB',
  `
  3:0   V_TPR           Virtual task priority; written back at #VMEXIT
  8     V_IRQ           A virtual interrupt is pending; written back at #VMEXIT
  9     VGIF            Virtual global interrupt flag; written back at #VMEXIT
  11    V_NMI           A virtual NMI is pending; written back at #VMEXIT
  12    V_NMI_MASK      Virtual NMIs are masked; written back at #VMEXIT
  19:16 V_INTR_PRIO     Priority of the virtual interrupt
  20    V_IGN_TPR       The virtual interrupt ignores V_TPR
  24    V_INTR_MASKING  Guest IF masks virtual interrupts only; physical ones go by the host's IF
  25    VGIF_ENABLE     Virtual GIF is enabled
  26    V_NMI_ENABLE    NMI virtualization is enabled
  30    X2AVIC_ENABLE   x2AVIC is enabled
  31    AVIC_ENABLE     AVIC is enabled
  39:32 V_INTR_VECTOR   Vector of the virtual interrupt
`,
)

export const INTERRUPT_SHADOW_BITS = bitList(
  'VMCB',
  `
  0 INTERRUPT_SHADOW     The guest is in an interrupt shadow
  1 GUEST_INTERRUPT_MASK RFLAGS.IF of an SEV-ES guest
`,
)

export const NESTED_CONTROL_BITS = bitList(
  'VMCB',
  `
  0 NP_ENABLE       Enable nested paging
  1 SEV_ENABLE      Enable secure encrypted virtualization
  2 SEV_ES_ENABLE   Enable encrypted state
  3 GMET_ENABLE     Guest mode execute trap
  4 SSS_CHECK_EN    Supervisor shadow stack restrictions in nested page tables
  5 VTE             Virtual transparent encryption
  6 ROGPT_ENABLE    Read-only guest page tables
  7 INVLPGB_ENABLE  INVLPGB and TLBSYNC can be executed in the guest
`,
)

export const VIRTUALIZATION_EXTENSION_BITS = bitList(
  'VMCB',
  `
  0 LBR_VIRTUALIZATION_ENABLE    Swap the last-branch registers with the guest's
  1 VMLOAD_VIRTUALIZATION_ENABLE VMLOAD and VMSAVE in the guest use guest-physical addresses
  2 IBS_VIRTUALIZATION_ENABLE    IBS virtualization
  3 PMC_VIRTUALIZATION_ENABLE    Performance-counter virtualization
`,
)

/** Clean bits (APM vol 2 figure 15-4): a 1 says that software did not change the group since the last #VMEXIT. */
export const CLEAN_BITS = bitList(
  'CLEAN',
  `
  0  I    Intercept vectors, TSC offset, pause filter count
  1  IOPM Base addresses of the IOPM and the MSRPM
  2  ASID ASID
  3  TPR  V_TPR, V_IRQ, V_INTR_PRIO, V_IGN_TPR, V_INTR_MASKING, V_INTR_VECTOR
  4  NP   N_CR3 and G_PAT
  5  CRX  CR0, CR3, CR4, EFER
  6  DRX  DR6, DR7
  7  DT   GDT and IDT, base and limit
  8  SEG  CS, DS, SS, ES and CPL
  9  CR2  CR2
  10 LBR  DBGCTL, branch and exception records
  11 AVIC APIC_BAR, APIC_BACKING_PAGE, PHYSICAL_TABLE, LOGICAL_TABLE
  12 CET  S_CET, SSP, ISST_ADDR
`,
)

export type CleanGroup =
  'i' | 'iopm' | 'asid' | 'tpr' | 'np' | 'crx' | 'drx' | 'dt' | 'seg' | 'cr2' | 'lbr' | 'avic' | 'cet'

/** The intercepts that intercept vector `vector` (VMCB offset 4 * vector) holds. */
export function interceptBits(vector: number): BitList {
  const bits = EXIT_CODES.filter(
    ({ code }) => code >= vector * 32 && code < vector * 32 + 32 && code <= LAST_INTERCEPT,
  ).map(({ code, key, cause }): BitField => ({
    key,
    name: key.toUpperCase(),
    low: code % 32,
    width: 1,
    description: cause,
  }))
  return { prefix: 'INTERCEPT', bits }
}

const INTERCEPT_CODES: ReadonlyMap<string, number> = new Map([
  ...EXIT_CODES.filter(({ code }) => code >= 0 && code <= LAST_INTERCEPT).map(
    ({ key, code }) => [key, code] as const,
  ),
  ...EXCEPTION_MNEMONICS.flatMap((mnemonic, vector) => {
    const code = EXIT.EXCEPTION_0 + vector
    const numbered = [`exception_${vector}`, code] as const
    return mnemonic === '' || vector === 2 ? [numbered] : [numbered, [mnemonic.toLowerCase(), code] as const]
  }),
])

/** Names that interceptCode() knows: 'vmrun', 'cr0_write', 'excp14', 'exception_14', 'pf'. */
export const INTERCEPT_NAMES: readonly string[] = [...INTERCEPT_CODES.keys()]

/** The exit code (= bit position in the intercept vectors) of an intercept's name; undefined when there is none. */
export function interceptCode(name: string): number | undefined {
  return INTERCEPT_CODES.get(name.toLowerCase())
}
