/** Runs cases in QEMU TCG. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KERNEL, moduleOf, type Input } from './image.ts'

/** APIC ticks are nanoseconds here. */
const TICKS = 30_000_000
/** Time to start up, and for each case. */
const START_MILLISECONDS = 5_000
const CASE_MILLISECONDS = 30

/** Without features that our machine lacks, where they decide about reserved bits of CR4. */
const CPU = 'max,+svm,phys-bits=48,-la57,-pku'

/** The version of qemu-system-x86_64; undefined when it cannot be started. */
export function qemuVersion(): string | undefined {
  const { status, stdout } = spawnSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' })
  return status === 0 ? /version (\S+)/.exec(stdout)?.[1] : undefined
}

/**
 * The lines that the host sends. A case at which QEMU ends or hangs has an incomplete line, and the cases behind it are run by
 * another QEMU.
 */
export function runQemu(inputs: readonly Input[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-vmcb-'))
  try {
    const kernel = join(folder, 'host')
    writeFileSync(kernel, KERNEL)
    let sent = ''
    for (let first = 0; first < inputs.length;) {
      const part = runOnce(folder, kernel, inputs.slice(first), first)
      const lines = part.split('\n')
      if (lines.at(-1) === '' && lines.at(-2) === '.') return sent + part
      if (lines.length === 1 && lines[0] === '') throw new Error('QEMU does not start the host')
      sent += `${lines.slice(0, -1).join('\n')}${lines.length > 1 ? '\n' : ''}`
      // The last line belongs to the case that did not end; nothing of a line means the case after the last.
      first += lines.length
      sent += `${(first - 1).toString(16).padStart(8, '0')} crash\n`
    }
    return `${sent}.\n`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What one QEMU sends until it ends, or its time is up. */
function runOnce(folder: string, kernel: string, inputs: readonly Input[], first: number): string {
  const cases = join(folder, 'cases')
  const sent = join(folder, 'sent')
  writeFileSync(cases, moduleOf(inputs, TICKS, first))
  const options = {
    accel: 'tcg',
    cpu: CPU,
    m: '64',
    display: 'none',
    // Not to standard output, where QEMU writes when it aborts.
    serial: `file:${sent}`,
    device: 'isa-debug-exit,iobase=0xf4,iosize=0x4',
    kernel,
    initrd: cases,
  }
  const named = Object.entries(options).flatMap(([name, value]) => [`-${name}`, value])
  spawnSync('qemu-system-x86_64', ['-nodefaults', '-no-reboot', ...named], {
    timeout: START_MILLISECONDS + inputs.length * CASE_MILLISECONDS,
    stdio: 'ignore',
  })
  return readFileSync(sent, 'latin1')
}
