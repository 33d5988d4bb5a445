// Runs a script of this project on the packaged Node 24, installing the dependencies first where they are
// missing or older than package-lock.json. Plain Node 20 JavaScript without dependencies.
//
//   node scripts/bootstrap.mjs SCRIPT [ARGUMENT...]
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const packagedNode = join(root, 'node_modules', 'node', 'bin', 'node')

/**
 * Whether node_modules holds every package that the lock file asks for, in its version.
 * npm writes node_modules/.package-lock.json last, so an interrupted installation counts as missing.
 */
function isInstalled() {
  const installedLock = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installedLock) || !existsSync(packagedNode)) return false
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  )
}

/**
 * Installs what the lock file names, with the machine's own Node: the packaged one lies in the folder that npm is about to
 * replace. Not `npm ci`, which refuses a lock file without the optional packages of platforms that a registry does not serve.
 */
function install() {
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'))
  const env = { ...process.env, PATH: path.join(delimiter) }
  const { status } = spawnSync('npm', ['install', '--no-save'], { cwd: root, env, stdio: 'inherit' })
  if (status !== 0) throw new Error('npm install failed: the dependencies could not be installed')
}

const [script, ...args] = process.argv.slice(2)
if (script === undefined) throw new Error('usage: node scripts/bootstrap.mjs SCRIPT [ARGUMENT...]')
if (!isInstalled()) {
  console.log('Installing the dependencies ...')
  install()
}

const path = [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter)
const child = spawn(packagedNode, [script, ...args], {
  cwd: root,
  env: { ...process.env, PATH: path, ASTRO_TELEMETRY_DISABLED: '1' },
  stdio: 'inherit',
})
// A terminal sends Ctrl-C to the child as well; the child decides how to stop, and we end with its status.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('error', (error) => {
  console.error(`cannot start ${packagedNode}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (status, signal) => process.exit(signal === null ? status : 1))
