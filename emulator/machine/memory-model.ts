/** What a machine with caches has besides: the caches, two agents on the bus whose view of memory differs, and a log of the bus. */
import { CacheModel } from '../caches/caches.ts'
import { restoreCaches, saveCaches } from '../caches/saved.ts'
import type { Transaction } from '../caches/transactions.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { createBusMaster } from './bus-master.ts'
import type { Device, StatefulPart } from './device.ts'
import { createFramebuffer, type Framebuffer } from './framebuffer.ts'
import { BoundedLog } from './log.ts'

/** Transactions that are kept. */
const TRANSACTIONS = 20_000

export interface MemoryModel {
  readonly caches: CacheModel
  readonly framebuffer: Framebuffer
  readonly busMaster: Device
  readonly transactions: BoundedLog<Transaction>
  /** What the model adds to the machine's state. */
  readonly parts: readonly StatefulPart[]
}

interface Clock {
  /** Instructions attempted by all processors. */
  instructions(): number
  time(): number
}

/** `reported` hears of each transaction once it is in the log. */
export function createMemoryModel(
  memory: PhysicalMemory,
  processors: number,
  clock: Clock,
  reported: (transaction: Transaction) => void,
): MemoryModel {
  const transactions = new BoundedLog<Transaction>(TRANSACTIONS)
  const caches = new CacheModel(memory, processors, (agent, kind, cause, address, data) => {
    const transaction = { instructions: clock.instructions(), agent, kind, cause, address, data }
    transactions.push(transaction)
    reported(transaction)
  })
  const framebuffer = createFramebuffer(() => clock.time())
  for (const region of framebuffer.regions) memory.addRegion(region)
  const busMaster = createBusMaster(caches)
  const empty = saveCaches(caches)
  const cacheState: StatefulPart = {
    name: 'caches',
    reset: () => restoreCaches(caches, empty),
    save: () => saveCaches(caches),
    restore: (state) => restoreCaches(caches, state),
  }
  return { caches, framebuffer, busMaster, transactions, parts: [cacheState, framebuffer] }
}
