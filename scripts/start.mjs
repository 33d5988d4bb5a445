// npm start: builds the book and serves it on this machine until Ctrl-C.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { listen, staticServer } from './static-server.mjs'

const FIRST_PORT = 4321

const { status } = spawnSync('astro', ['build'], { stdio: 'inherit' })
if (status !== 0) {
  console.error('The book could not be built; the messages above say why.')
  process.exit(1)
}

const base = process.env.WORLD_SWITCH_BASE ?? '/'
const server = staticServer('dist', base)
const port = await listen(server, FIRST_PORT)
console.log(`\nWorld Switch is at http://localhost:${port}${base}\nCtrl-C stops it.`)

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
