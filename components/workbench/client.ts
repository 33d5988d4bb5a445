/** The page's end of the worker: calls that fail when the worker is closed or crashes, instead of waiting for ever. */
import { proxy, releaseProxy, wrap, type Remote } from 'comlink'
import * as text from '../strings.ts'
import type { RemoteWorkbench, Workbench } from './protocol.ts'

/** The machine was released, by this page. */
export class ClosedError extends Error {
  constructor() {
    super('the machine was released')
  }
}

/** The worker ended by itself, or never began. */
export class CrashedError extends Error {}

export interface Client extends RemoteWorkbench {
  /** Ends the worker; calls that are under way fail with ClosedError. */
  close(): void
}

/** Starts a worker. */
export function connect(): Client {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'machine' })
  const proxied: Remote<Workbench> = wrap<Workbench>(worker)
  // The same calls; comlink's type makes a union of promises of a promise of a union.
  const remote = proxied as unknown as RemoteWorkbench
  let fail: (error: Error) => void = () => undefined
  const ended = new Promise<never>((_, reject) => (fail = reject))
  // Nobody may be waiting when the worker ends.
  ended.catch(() => undefined)
  worker.onerror = (event) => {
    event.preventDefault()
    fail(new CrashedError(event.message || text.workerNotStarted))
  }
  worker.onmessageerror = () => fail(new CrashedError(text.workerMessageUnreadable))
  const until = <T>(call: Promise<T>): Promise<T> => Promise.race([call, ended])
  const own = {
    close: (): void => {
      fail(new ClosedError())
      proxied[releaseProxy]()
      worker.terminate()
    },
  }
  return new Proxy(own as Client, {
    get(_, name: keyof Client | 'then') {
      if (name === 'close') return own.close
      // What has then() is taken for a promise by whoever awaits it.
      if (name === 'then') return undefined
      const call = remote[name] as (...args: unknown[]) => Promise<unknown>
      // Functions stay on this side; the worker gets something to call them by.
      return (...args: unknown[]) =>
        until(call(...args.map((arg) => (typeof arg === 'function' ? proxy(arg as () => void) : arg))))
    },
  })
}
