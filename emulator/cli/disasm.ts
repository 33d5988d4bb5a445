/** `world-switch disasm`: disassembles a flat binary. */
import { decode, disassemble, isDecodeError, type CodeBits } from '../isa/index.ts'
import { oneOf, parseArguments, readInput, STATUS, UsageError, wholeNumber, type Command } from './command.ts'

const help = `Usage: world-switch disasm FILE [options]

Disassembles a flat binary to NASM syntax. Bytes that are no instruction are printed as db.

  --bits N       code size: 16, 32 or 64 (default)
  --org N        address of the first byte (default 0; 0x for hexadecimal)

Exit status: 0, or 2 for bad arguments, 4 if the file cannot be read
`

function lines(bytes: Uint8Array, bits: CodeBits, origin: bigint): string[] {
  const result: string[] = []
  for (let at = 0; at < bytes.length;) {
    const address = origin + BigInt(at)
    const decoded = decode(bytes, at, bytes.length, bits)
    const length = isDecodeError(decoded) ? 1 : decoded.length
    const hex = [...bytes.subarray(at, at + length)]
      .map((byte) => byte.toString(16).padStart(2, '0'))
      .join(' ')
    const text = isDecodeError(decoded) ? `db 0x${hex}` : disassemble(decoded, address)
    result.push(`${address.toString(16).padStart(8, '0')}  ${hex.padEnd(32)}  ${text}`)
    at += length
  }
  return result
}

function run(args: string[]): number {
  const { values, positionals } = parseArguments({
    args,
    allowPositionals: true,
    options: { bits: { type: 'string', default: '64' }, org: { type: 'string', default: '0' } },
  })
  if (positionals.length !== 1) throw new UsageError('one FILE is expected')
  const bits = { '16': 16, '32': 32, '64': 64 } as const
  const origin = /^0x[0-9a-f]+$/i.test(values.org)
    ? Number(values.org)
    : wholeNumber('--org', values.org, 0, 2 ** 52)
  const chosen = bits[oneOf('--bits', values.bits, ['16', '32', '64'])]
  process.stdout.write(`${lines(readInput(positionals[0]), chosen, BigInt(origin)).join('\n')}\n`)
  return STATUS.ok
}

export const disasm: Command = { name: 'disasm', summary: 'disassemble a flat binary', help, run }
