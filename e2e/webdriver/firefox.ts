// Firefox as its makers ship it, without a window, through Marionette: WebDriver's commands as JSON over TCP.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, retry, type Browser, type Launch, type Parameters } from './browser.ts'

/** What Firefox keeps of errors and warnings, read in its own context: `arguments[0]` is what a page's address begins with. */
const READ_CONSOLE = `
  return Services.console.getMessageArray()
    .filter((message) => message instanceof Ci.nsIScriptError && message.sourceName.startsWith(arguments[0]))
    .map((message) => message.message)`

/** Starts Firefox without a window. */
export async function launchFirefox({ executable, colorScheme }: Launch): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'world-switch-firefox-'))
  const port = await freePort()
  const preferences = {
    'marionette.port': port,
    'layout.css.prefers-color-scheme.content-override': colorScheme === 'dark' ? 0 : 1,
    'datareporting.policy.dataSubmissionEnabled': false,
    'browser.shell.checkDefaultBrowser': false,
  }
  const lines = Object.entries(preferences).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${value});\n`,
  )
  writeFileSync(join(profile, 'user.js'), lines.join(''))
  const firefox = spawn(
    executable,
    ['--headless', '--no-remote', '--marionette', '--remote-allow-system-access', '--profile', profile],
    { stdio: 'ignore' },
  )
  const socket = await retry(async () => {
    const opening = createConnection(port, '127.0.0.1')
    await once(opening, 'connect')
    return opening
  })
  const call = marionette(socket)
  await call('WebDriver:NewSession', {})
  return {
    send: call,
    async complaints() {
      await call('Marionette:SetContext', { value: 'chrome' })
      const found = await call('WebDriver:ExecuteScript', {
        script: READ_CONSOLE,
        args: ['http://127.0.0.1'],
      })
      await call('Marionette:SetContext', { value: 'content' })
      return found as string[]
    },
    async close() {
      socket.destroy()
      firefox.kill()
      await once(firefox, 'exit')
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** Marionette's messages: the length in bytes, a colon, and JSON: [0, id, command, parameters] and [1, id, error, result]. */
function marionette(socket: Socket): (command: string, parameters: Parameters) => Promise<unknown> {
  let id = 0
  let received = Buffer.alloc(0)
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes])
    for (;;) {
      const colon = received.indexOf(':')
      const end = colon + 1 + Number(received.toString('utf8', 0, colon))
      if (colon < 0 || received.length < end) return
      const message: unknown = JSON.parse(received.toString('utf8', colon + 1, end))
      received = received.subarray(end)
      // The first message only says which version of the protocol it is.
      if (!Array.isArray(message)) continue
      const [, answered, error, result] = message as [1, number, { message: string } | null, unknown]
      const caller = waiting.get(answered)
      waiting.delete(answered)
      if (error === null) caller?.resolve(valueOf(result))
      else caller?.reject(new Error(error.message))
    }
  })
  return (command, parameters) =>
    new Promise((resolve, reject) => {
      waiting.set(++id, { resolve, reject })
      const message = JSON.stringify([0, id, command, parameters])
      socket.write(`${Buffer.byteLength(message)}:${message}`)
    })
}

/** A result stands in `value`, where there is one. */
function valueOf(result: unknown): unknown {
  return typeof result === 'object' && result !== null && 'value' in result ? result.value : result
}
