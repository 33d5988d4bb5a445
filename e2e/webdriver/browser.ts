// A browser driven by WebDriver: for those that Playwright can drive only in a build of its own.
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

/** The commands in use, by the names that Marionette gives to WebDriver's. */
export type Command =
  'WebDriver:Navigate' | 'WebDriver:ExecuteScript' | 'WebDriver:ElementClick' | 'WebDriver:ElementSendKeys'

export type Parameters = Readonly<Record<string, unknown>>

/** A browser with one window. */
export interface Browser {
  /** Sends a command. Rejects with what the browser says is wrong with it. */
  send(command: Command, parameters: Parameters): Promise<unknown>
  /** Errors and warnings of the book's pages so far: scripts that threw, what the Content-Security-Policy refused. */
  complaints(): Promise<readonly string[]>
  close(): Promise<void>
}

export interface Launch {
  /** The path of Firefox, or of WebKit's driver. */
  readonly executable: string
  readonly colorScheme: 'light' | 'dark'
}

/** A port of 127.0.0.1 at which nothing listens; another at each call, since browsers of two tests start at the same time. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Tries for ten seconds until it succeeds: a browser that was just started does not listen yet. */
export async function retry<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt()
    } catch (error) {
      if (attempts === 100) throw error
      await wait(100)
    }
  }
}
