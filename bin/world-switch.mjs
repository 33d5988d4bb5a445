#!/usr/bin/env node
// The `world-switch` command: hands over to emulator/cli/main.ts on the packaged Node 24, which runs TypeScript as it is.
// Plain Node 20 JavaScript without dependencies; works from any folder.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const node = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
const main = fileURLToPath(new URL('../emulator/cli/main.ts', import.meta.url))

if (!existsSync(node)) {
  console.error(`world-switch: ${node} is missing; run "npm install" in the project's folder first`)
  process.exit(4)
}

const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
// A terminal sends Ctrl-C to both processes: the child decides, and we end the way it does.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(`world-switch: cannot start ${node}: ${error.message}`)
  process.exit(4)
})
child.on('exit', (status, signal) => {
  if (signal === null) process.exit(status)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name)
  process.kill(process.pid, signal)
})
