// WebKitGTK's MiniBrowser, on a display of its own, through WebKitWebDriver: W3C WebDriver over HTTP.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort, retry, type Browser, type Command, type Launch, type Parameters } from './browser.ts'

/** The path of each command below that of the session. */
const PATHS: Readonly<Record<Command, string>> = {
  'WebDriver:Navigate': 'url',
  'WebDriver:ExecuteScript': 'execute/sync',
  'WebDriver:ElementClick': 'element/{id}/click',
  'WebDriver:ElementSendKeys': 'element/{id}/value',
}

/** Starts WebKitGTK's MiniBrowser through its driver, on a display of its own. `executable`: the driver. */
export async function launchWebKit({ executable, colorScheme }: Launch): Promise<Browser> {
  const port = await freePort()
  const driver = spawn(
    'xvfb-run',
    ['--auto-servernum', '--server-args=-screen 0 1600x1200x24', executable, `--port=${port}`],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
      // The group is ended as a whole: xvfb-run, the display and the driver, which ends the browser.
      detached: true,
    },
  )
  let printed = ''
  driver.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const request = async (method: string, path: string, body?: Parameters): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/session${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const { value } = (await response.json()) as { value: unknown }
    if (!response.ok) {
      const { error, message } = value as { error: string; message: string }
      throw new Error(`${path}: ${error} ${message}`)
    }
    return value
  }
  const args = [
    '--automation',
    '--enable-write-console-messages-to-stdout=true',
    ...(colorScheme === 'dark' ? ['--dark-mode'] : []),
  ]
  const { sessionId } = (await retry(() =>
    request('POST', '', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { args } } } }),
  )) as { sessionId: string }
  return {
    send(command, { id, ...parameters }) {
      return request('POST', `/${sessionId}/${PATHS[command].replace('{id}', String(id))}`, parameters)
    },
    complaints: () =>
      Promise.resolve(printed.split('\n').filter((line) => /CONSOLE .*(ERROR|WARN)/.test(line))),
    async close() {
      await request('DELETE', `/${sessionId}`)
      process.kill(-driver.pid!)
      await once(driver, 'exit')
    },
  }
}
