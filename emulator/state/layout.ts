/**
 * The vCPU block: every register and hidden bit of a virtual CPU, at fixed offsets in the WebAssembly memory.
 * This table is the only place that says where a field lies; the TypeScript view (vcpu.ts) and compiled code both use it.
 */

export type FieldType = 'u32' | 'u64' | 'f64'

const WIDTH = { u32: 4, u64: 8, f64: 8 } as const

/** Fields in block order. `segment` state and arrays are in ARRAYS below. */
const SCALARS = {
  /** Offset of the next instruction in CS; in 64-bit mode the full rIP. */
  rip: 'u64',

  // Arithmetic flags, kept as the last operation that set them (flags.ts).
  flagsKind: 'u32',
  flagsSize: 'u32',
  flagsLeft: 'u64',
  flagsRight: 'u64',
  flagsResult: 'u64',
  /** rFLAGS without the six arithmetic flags; bit 1 always set. */
  flagsOther: 'u32',

  /** Current privilege level, 0..3. */
  cpl: 'u32',
  /** Derived from CR0, CR4, EFER, rFLAGS.VM, CS and SS by modeChanged(); bit layout in mode.ts. */
  mode: 'u32',
  /** Nonzero when the next instruction boundary needs a look: bits in attention.ts. Compiled code runs only when it is 0. */
  attention: 'u32',
  /** Offsets in the WebAssembly memory of the current fast-tag context. */
  fastTags: 'u32',
  fastTagContext: 'u32',

  gdtrBase: 'u64',
  idtrBase: 'u64',
  gdtrLimit: 'u32',
  idtrLimit: 'u32',

  cr0: 'u64',
  cr2: 'u64',
  cr3: 'u64',
  cr4: 'u64',
  /** Task-priority, bits 3:0: TPR[7:4] of the local APIC (APM vol 2 §16.6.4). */
  cr8: 'u64',
  xcr0: 'u64',
  efer: 'u64',
  dr6: 'u64',
  dr7: 'u64',

  // Model-specific registers.
  star: 'u64',
  lstar: 'u64',
  cstar: 'u64',
  sfmask: 'u64',
  kernelGsBase: 'u64',
  sysenterCs: 'u64',
  sysenterEsp: 'u64',
  sysenterEip: 'u64',
  tscAux: 'u64',
  tscRatio: 'u64',
  /** Added to 16 per instruction: what a guest write of the TSC leaves behind. */
  tscBase: 'u64',
  /** hPAT: the PAT MSR of the host; with nested paging the guest has gPAT instead. */
  pat: 'u64',
  mtrrDefType: 'u64',
  apicBase: 'u64',
  debugCtl: 'u64',
  lastBranchFromIp: 'u64',
  lastBranchToIp: 'u64',
  lastIntFromIp: 'u64',
  lastIntToIp: 'u64',
  specCtrl: 'u64',
  /** Added to the time-stamp counter's base rate: what writes of MPERF and APERF leave behind. */
  mperfBase: 'u64',
  aperfBase: 'u64',
  hwcr: 'u64',
  vmCr: 'u64',
  vmHsavePa: 'u64',
  /** SKINIT was executed since RESET. */
  skinitExecuted: 'u32',

  // System-management mode (APM vol 2 chapter 10).
  smbase: 'u64',
  smmAddr: 'u64',
  smmMask: 'u64',
  smmKey: 'u64',
  /** How it was entered: SMM in system/smm.ts; 0 outside. */
  smm: 'u32',
  /** What the interrupted program had that lies not in the state-save area. */
  smmCpl: 'u32',
  smmNmiMasked: 'u32',
  smmAttention: 'u32',
  /** The I/O instruction that made the pending SMI pending: as in EXITINFO1, 0 for none, and its registers (system/smi-source.ts). */
  smiIoInfo: 'u64',
  smiIoRip: 'u64',
  smiIoRcx: 'u64',
  smiIoRsi: 'u64',
  smiIoRdi: 'u64',

  // x87 (system/x87/stack.ts). Bit n of fpuTags: physical register n is not empty. The pointers are those of the last instruction.
  fpuControl: 'u32',
  fpuStatus: 'u32',
  fpuTags: 'u32',
  fpuOpcode: 'u32',
  fpuCs: 'u32',
  fpuDs: 'u32',
  fpuIp: 'u64',
  fpuDp: 'u64',

  // Interrupts and activity.
  /** 1 for the one instruction after STI, MOV SS or POP SS. */
  interruptShadow: 'u32',
  /** Global interrupt flag: 1 except between CLGI or #VMEXIT and STGI. */
  gif: 'u32',
  smiPending: 'u32',
  initPending: 'u32',
  /** A STARTUP message that waits to be taken: 100h + its vector; 0 for none. */
  startupPending: 'u32',
  nmiPending: 'u32',
  nmiMasked: 'u32',
  /** ACTIVITY in vcpu.ts: running, halted, shutdown, waiting for STARTUP. */
  activity: 'u32',

  // SVM: what VMRUN loaded. Host values that #VMEXIT reloads are in `host*` (hidden storage, APM vol 2 §15.5.1).
  guestMode: 'u32',
  asid: 'u32',
  /** VMCB of the running or last-run guest: a physical address below 2^52. */
  vmcb: 'f64',
  iopmBase: 'f64',
  msrpmBase: 'f64',
  tscOffset: 'u64',
  /** VMCB offset 090h while nested paging is on (paging/nested-control.ts), else 0. */
  nestedPaging: 'u32',
  /** VMCB offset 0B8h: LBR, VMLOAD and VMSAVE virtualization. */
  virtualizationExtensions: 'u32',
  /** The PAUSE filter: what VMRUN loaded, what is left of the count, and the instruction count at the last PAUSE. */
  pauseFilterCount: 'u32',
  pauseFilterThreshold: 'u32',
  pauseFilterLeft: 'u32',
  lastPause: 'f64',
  /** Low half of VMCB offset 060h and the vector of 064h (APM vol 2 appendix B). */
  virtualInterrupt: 'u32',
  virtualInterruptVector: 'u32',
  nCr3: 'u64',
  gPat: 'u64',
  /** VMCB offset 090h bit 7: the guest may execute INVLPGB and TLBSYNC. */
  guestBroadcast: 'u32',
  /** VMCB offset 120h: bus locks that the guest may still execute. */
  busLockCounter: 'u32',
  /** The event being delivered through the IDT, in EXITINTINFO format, 0 when none. */
  deliveringEvent: 'u64',
  /** DR6 bits of the traps that the last instruction caused and that are not taken yet (ATTENTION.debugTrap). */
  pendingDebug: 'u32',
  /** The instruction count after an iteration of a repeated instruction that has more to do; 0 once something else has happened. */
  repeatedAt: 'f64',

  /** What MONITOR watches: the line's physical address and, in monitorLine, what it held. */
  monitorArmed: 'u32',
  monitorAddress: 'f64',

  /** The state cache: the VMCB it was filled from, and its valid groups as clean bits (svm/state-cache.ts). */
  vmcbCacheTag: 'f64',
  vmcbCacheGroups: 'u32',

  hostRip: 'u64',
  hostRsp: 'u64',
  hostRax: 'u64',
  hostRflags: 'u64',
  hostCr0: 'u64',
  hostCr3: 'u64',
  hostCr4: 'u64',
  hostEfer: 'u64',
  hostSpecCtrl: 'u64',
  hostGdtrBase: 'u64',
  hostIdtrBase: 'u64',
  hostGdtrLimit: 'u32',
  hostIdtrLimit: 'u32',

  /** Instructions attempted since reset: retired, faulted and intercepted ones count one each, and so does a REP iteration. */
  instructions: 'f64',
  /** Units of time that HLT skipped, one instruction taking one: time is `instructions` + `idle` (system/time.ts). */
  idle: 'f64',
  /** The time at which the APIC timer expires; Infinity while it is stopped. */
  apicTimerExpiry: 'f64',
  /** What is left of the current slice. Compiled code counts it down. */
  budget: 'u32',
  /** Set by TLB fills: which sizes a lookup must try, and what INVLPG must look for (paging/tlb.ts). */
  tlbSizes: 'u32',
} as const satisfies Record<string, FieldType>

export type ScalarField = keyof typeof SCALARS

/** Arrays: [bytes per element, elements]. Segments are the 32-byte records of SEGMENT below. */
const ARRAYS = {
  gpr: [8, 16],
  segments: [32, 8],
  hostSegments: [32, 8],
  dr: [8, 4],
  /** Physical x87 registers: of each the significand, then sign and exponent in bits 15:0. */
  fpuRegisters: [8, 16],
  intercepts: [4, 6],
  /** The host's DebugCtl and last-branch registers while a guest has its own (svm/last-branches.ts). */
  hostLastBranch: [8, 5],
  /** Words of the VMCB that the state cache holds (CACHED_WORDS in svm/state-cache.ts). */
  vmcbCache: [4, 80],
  monitorLine: [4, 16],
  mtrrFixed: [8, 11],
  mtrrVariable: [8, 16],
  /** Registers of the local APIC by their number (system/apic-registers.ts). */
  apic: [4, 64],
  /** Key of each fast-tag context, 0 = free (paging/contexts.ts). */
  fastTagKeys: [8, 16],
} as const satisfies Record<string, readonly [number, number]>

export type ArrayField = keyof typeof ARRAYS

/** A segment record: the visible selector and the hidden part. `attributes` is the VMCB's 12-bit form (APM vol 2 §15.5.1). */
export const SEGMENT = { selector: 0, attributes: 4, limit: 8, base: 16, bytes: 32 } as const

function placeFields(): { offsets: Record<ScalarField | ArrayField, number>; end: number } {
  const offsets = {} as Record<ScalarField | ArrayField, number>
  let at = 0
  // Arrays first: the general registers lie at offset 0 of the block.
  for (const [name, [bytes, count]] of Object.entries(ARRAYS)) {
    offsets[name as ArrayField] = at
    at += Math.ceil((bytes * count) / 8) * 8
  }
  for (const width of [8, 4]) {
    for (const [name, type] of Object.entries(SCALARS)) {
      if (WIDTH[type] !== width) continue
      offsets[name as ScalarField] = at
      at += width
    }
  }
  return { offsets, end: at }
}

const placed = placeFields()

/** Byte offset of each field from the start of the vCPU block. */
export const OFFSET: Readonly<Record<ScalarField | ArrayField, number>> = placed.offsets

/** Type of each scalar field. */
export const FIELD_TYPE: Readonly<Record<ScalarField, FieldType>> = SCALARS

/** Bytes used by all fields; must stay below REGISTER_BYTES (layout.test.ts). */
export const FIELDS_END = placed.end

/** The type a scalar field has in TypeScript. */
export type ScalarValues = {
  -readonly [K in ScalarField]: (typeof SCALARS)[K] extends 'u64' ? bigint : number
}
