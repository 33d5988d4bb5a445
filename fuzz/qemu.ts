/** Runs cases in QEMU TCG. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KERNEL, moduleOf, type Input } from './image.ts'

/** The clock of the machine counts instructions, 1024 ns each (2 to the shift): no result depends on how busy this computer is. */
const CLOCK = 'shift=10,sleep=off'
/** APIC ticks are nanoseconds here: 20,000 instructions. */
const TICKS = 20_480_000
/** QEMU hangs when it has sent nothing for so long; a case takes a few milliseconds. */
const STALL_MILLISECONDS = 3_000
/** Until QEMU has booted the host. */
const START_MILLISECONDS = 15_000
const POLL_MILLISECONDS = 50

/** Without features that our machine lacks, where they decide about reserved bits of CR4. */
const CPU = 'max,+svm,phys-bits=48,-pku,-pks'

/** The version of qemu-system-x86_64; undefined when it cannot be started. */
export function qemuVersion(): string | undefined {
  const { status, stdout } = spawnSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' })
  return status === 0 ? /version (\S+)/.exec(stdout)?.[1] : undefined
}

/**
 * The lines that the host sends. The line of a case at which QEMU ends says "crash", of one at which it hangs "stall", and the
 * cases behind it are run by another QEMU. Throws when QEMU does not boot the host.
 */
export async function runQemu(inputs: readonly Input[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-vmcb-'))
  try {
    writeFileSync(join(folder, 'host'), KERNEL)
    let sent = ''
    for (let first = 0; first < inputs.length;) {
      writeFileSync(join(folder, 'cases'), moduleOf(inputs.slice(first), TICKS, first))
      const { text, stalled } = await runOnce(folder)
      const lines = text.split('\n')
      if (lines.at(-1) === '' && lines.at(-2) === '.') return sent + text
      if (text === '') throw new Error('QEMU does not start the host')
      sent += lines
        .slice(0, -1)
        .map((line) => `${line}\n`)
        .join('')
      // The last line belongs to the case that did not end; nothing of a line means the case after the last.
      first += lines.length
      sent += `${(first - 1).toString(16).padStart(8, '0')} ${stalled ? 'stall' : 'crash'}\n`
    }
    return `${sent}.\n`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What one QEMU sends until it ends or hangs. */
async function runOnce(folder: string): Promise<{ text: string; stalled: boolean }> {
  const file = join(folder, 'sent')
  writeFileSync(file, '')
  const options = {
    accel: 'tcg',
    icount: CLOCK,
    cpu: CPU,
    m: '64',
    display: 'none',
    // Not to standard output, where QEMU writes when it aborts.
    serial: `file:${file}`,
    device: 'isa-debug-exit,iobase=0xf4,iosize=0x4',
    kernel: join(folder, 'host'),
    initrd: join(folder, 'cases'),
  }
  const named = Object.entries(options).flatMap(([name, value]) => [`-${name}`, value])
  const qemu = spawn('qemu-system-x86_64', ['-nodefaults', '-no-reboot', ...named], { stdio: 'ignore' })
  let stalled = false
  let [size, unchanged] = [0, 0]
  const watch = setInterval(() => {
    const now = statSync(file).size
    unchanged = now === size ? unchanged + POLL_MILLISECONDS : 0
    size = now
    stalled = unchanged >= (size === 0 ? START_MILLISECONDS : STALL_MILLISECONDS)
    if (stalled) qemu.kill('SIGKILL')
  }, POLL_MILLISECONDS)
  await new Promise<void>((resolve, reject) => qemu.on('close', () => resolve()).on('error', reject)).finally(
    () => clearInterval(watch),
  )
  return { text: readFileSync(file, 'latin1'), stalled }
}
