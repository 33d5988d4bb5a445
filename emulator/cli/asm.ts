/** `world-switch asm`: assembles a file to a flat binary. */
import { writeFileSync } from 'node:fs'
import { assemble, type Assembly } from '../isa/index.ts'
import { formatDiagnostic } from '../lab/index.ts'
import { svmInclude } from '../svm/index.ts'
import { oneOf, parseArguments, STATUS, UsageError, type Command } from './command.ts'
import { readProgram } from './files.ts'

const help = `Usage: world-switch asm FILE [options]

Assembles NASM syntax. %include finds files beside FILE and svm.inc.

  -o FILE        where the bytes go; without it a listing is printed
  --bits N       code size until the first "bits": 16 (default), 32 or 64

Exit status: 0 assembled, 1 the source has errors, 2 bad arguments, 4 a file cannot be read
`

/** Address, bytes and source line of everything that became bytes. */
function listing(program: Assembly, files: ReadonlyMap<string, string>): string {
  const sources = new Map([...files].map(([name, text]) => [name, text.split('\n')]))
  return program.lines
    .map(({ file, line, address, offset, length }) => {
      const bytes = [...program.bytes.subarray(offset, offset + Math.min(length, 12))]
      const hex =
        bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ') + (length > 12 ? ' ...' : '')
      return `${address.toString(16).padStart(8, '0')}  ${hex.padEnd(40)} ${sources.get(file)?.[line - 1]?.trim() ?? ''}\n`
    })
    .join('')
}

function run(args: string[]): number {
  const { values, positionals } = parseArguments({
    args,
    allowPositionals: true,
    options: { output: { type: 'string', short: 'o' }, bits: { type: 'string', default: '16' } },
  })
  if (positionals.length !== 1) throw new UsageError('one FILE is expected')
  const bits = { '16': 16, '32': 32, '64': 64 } as const
  const { name, files } = readProgram(positionals[0])
  const program = assemble({
    files: new Map([...files, ['svm.inc', svmInclude()]]),
    entry: name,
    bits: bits[oneOf('--bits', values.bits, ['16', '32', '64'])],
  })
  for (const diagnostic of program.diagnostics)
    process.stderr.write(`${diagnostic.severity}: ${formatDiagnostic(diagnostic)}\n`)
  if (program.diagnostics.some(({ severity }) => severity === 'error')) return 1
  if (values.output === undefined) process.stdout.write(listing(program, files))
  else writeFileSync(values.output, program.bytes)
  return STATUS.ok
}

export const asm: Command = { name: 'asm', summary: 'assemble a file, or print its listing', help, run }
