/** The worker's side of state-protocol.ts: each question goes to the file of its topic. */
import type { Progress } from '../protocol.ts'
import type {
  Comparison,
  Devices,
  KvmReport,
  LogFilter,
  LogPage,
  MemoryRequest,
  MemoryStretch,
  SearchRequest,
  SearchResult,
  StateCalls,
  Stretch,
  VmcbVerdict,
} from '../state-protocol.ts'
import type { Bench } from './bench.ts'
import { compare } from './compare.ts'
import { devicesOf } from './devices.ts'
import { detailOf, logOf } from './log.ts'
import { lookAt, search } from './look.ts'
import type { RunControl } from './runs.ts'
import { readKvmLog, vmcbVerdict } from './verdicts.ts'

export abstract class StateService implements StateCalls {
  /** The lab. Throws before open(). */
  protected abstract opened(): Bench
  /** What stop() ends, from now on. */
  protected abstract controlOf(bench: Bench, progress: Progress): RunControl

  vmcbVerdict(image: Uint8Array): VmcbVerdict {
    return vmcbVerdict(this.opened(), image)
  }

  readKvmLog(log: string): KvmReport {
    return readKvmLog(this.opened(), log)
  }

  lookAt(request: MemoryRequest): MemoryStretch {
    return lookAt(this.opened(), request)
  }

  search(request: SearchRequest): Promise<SearchResult> {
    return search(this.opened(), request)
  }

  log(filter: LogFilter): LogPage {
    return logOf(this.opened(), filter)
  }

  detail(stretch: Stretch, filter: LogFilter, progress: Progress): Promise<LogPage> {
    const bench = this.opened()
    return detailOf(bench, stretch, filter, this.controlOf(bench, progress))
  }

  compare(from: number, to: number): Promise<Comparison> {
    return compare(this.opened(), from, to)
  }

  devices(): Devices {
    return devicesOf(this.opened())
  }
}
