/** What the panels of the machine's state ask the worker, when they are looked at. Everything here survives structured cloning. */
import type { MachineEvent, StreamKind } from '../../emulator/machine/index.ts'
import type { Progress } from './protocol.ts'

/** What a consistency check of VMRUN says about a VMCB. */
export interface CheckVerdict {
  readonly id: string
  /** The fields that decide; the first one is to blame. */
  readonly fields: readonly string[]
  readonly section: string
  readonly explanation: string
  readonly hasFailed: boolean
  /** Of the first field: the bits to blame, 0 where the check passes. */
  readonly bits: bigint
}

/** All checks in the manual's order, or what has to happen before the lab tells. */
export type VmcbVerdict =
  | { readonly isTold: true; readonly checks: readonly CheckVerdict[] }
  | { readonly isTold: false; readonly until: 'run' | 'guess' | 'never' }

/** What a kernel log says about a VMCB. */
export type KvmReport =
  | {
      readonly ok: true
      readonly image: Uint8Array
      /** The fields that the log gave, in its order. */
      readonly keys: readonly string[]
      readonly notes: readonly string[]
      readonly checks: readonly CheckVerdict[]
    }
  | { readonly ok: false; readonly message: string }

/** Physical memory, or linear memory as a processor translates it now. */
export type MemorySpace = 'physical' | 'linear'

export interface MemoryRequest {
  /** A number, a symbol, or a sum of both. */
  readonly expression: string
  readonly length: number
  readonly space: MemorySpace
  readonly processor: number
}

/** A stretch of memory. */
export type MemoryStretch =
  | {
      readonly ok: true
      readonly address: bigint
      readonly bytes: Uint8Array
      /** Of the first byte, in linear memory; undefined where nothing is mapped. */
      readonly physical: number | undefined
      /** Symbols of addresses in the stretch. */
      readonly labels: ReadonlyMap<bigint, string>
    }
  | { readonly ok: false; readonly message: string }

/** `bytes`: "48 8B ?? 05", with ?? for any byte; `value`: a number or symbol as so many bytes, the lowest first. */
export interface SearchRequest {
  readonly kind: 'bytes' | 'text' | 'value'
  readonly pattern: string
  readonly size: 1 | 2 | 4 | 8
}

export type SearchResult =
  | {
      readonly ok: true
      /** Physical addresses. */
      readonly found: readonly number[]
      /** There are more. */
      readonly isCut: boolean
    }
  | { readonly ok: false; readonly message: string }

export type LogKind = MachineEvent['kind'] | StreamKind

/** Something that the machine told about its run. */
export interface LogEntry {
  /** The position in the run. */
  readonly at: number
  readonly processor: number
  readonly kind: LogKind
  readonly text: string
}

export interface LogFilter {
  readonly kinds: readonly LogKind[]
  /** Without it, of all processors. */
  readonly processor: number | undefined
  /** Has to occur in the text, whatever the case. */
  readonly text: string
}

/** The newest entries that pass, the oldest of them first, and how many pass. */
export interface LogPage {
  readonly entries: readonly LogEntry[]
  readonly total: number
  /** Events that the log has forgotten, whether they would pass or not. */
  readonly forgotten: number
}

/** A part of the run: after `from` instructions, up to `to`. */
export interface Stretch {
  readonly from: number
  readonly to: number
}

export interface RegisterDifference {
  readonly processor: number
  /** "RIP", "CS.base" */
  readonly name: string
  readonly bytes: number
  readonly from: bigint
  readonly to: bigint
}

export interface FieldDifference {
  /** The text that the VMCB comes from. */
  readonly vmcb: string
  readonly field: string
  readonly from: bigint
  readonly to: bigint
}

export interface PageDifference {
  readonly address: number
  /** How many bytes differ, and the address of the first one. */
  readonly bytes: number
  readonly first: number
}

/** What differs between two points of the run. */
export interface Comparison extends Stretch {
  readonly registers: readonly RegisterDifference[]
  readonly fields: readonly FieldDifference[]
  /** The first pages that differ, and how many there are. */
  readonly pages: readonly PageDifference[]
  readonly pageCount: number
}

/** A transfer over the bus of a machine with caches. */
export interface BusEntry {
  readonly at: number
  readonly agent: string
  readonly what: string
  readonly address: number
  readonly data: Uint8Array
}

export interface Devices {
  /** Pixels of 32 bits, row by row. */
  readonly picture:
    { readonly width: number; readonly height: number; readonly pixels: Uint32Array } | undefined
  /** The newest transfers, the oldest of them first, and how many there were; undefined without caches. */
  readonly bus: { readonly entries: readonly BusEntry[]; readonly total: number } | undefined
}

/** The machine stays as it is. */
export interface StateCalls {
  /** The checks on a VMCB, as far as the lab tells of them. */
  vmcbVerdict(image: Uint8Array): VmcbVerdict
  /** The VMCB that KVM wrote to a kernel log. */
  readKvmLog(log: string): KvmReport
  lookAt(request: MemoryRequest): MemoryStretch
  /** Searches RAM. */
  search(request: SearchRequest): Promise<SearchResult>
  log(filter: LogFilter): LogPage
  /** Repeats a part of the run and tells everything that passes the filter. */
  detail(stretch: Stretch, filter: LogFilter, progress: Progress): Promise<LogPage>
  /** Repeats parts of the run to look at the machine at two points. */
  compare(from: number, to: number): Promise<Comparison>
  devices(): Devices
}
