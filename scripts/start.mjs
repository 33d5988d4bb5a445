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

const server = staticServer('dist')
const port = await listen(server, FIRST_PORT)
console.log(`\nWorld Switch is at http://localhost:${port}/\nCtrl-C stops it.`)

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
