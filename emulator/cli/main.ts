/** The `world-switch` command: finds the command named by the first argument and runs it. */
import { asm } from './asm.ts'
import { boot } from './boot.ts'
import { InputError, STATUS, UsageError, type Command } from './command.ts'
import { disasm } from './disasm.ts'
import { lab } from './lab.ts'
import { races } from './races.ts'
import { runCommand } from './run.ts'

const COMMANDS: readonly Command[] = [runCommand, boot, asm, disasm, lab, races]

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `Usage: world-switch COMMAND [arguments]\n\n${lines.join('\n')}\n\n"world-switch COMMAND --help" says more.\n`
}

async function main(args: string[]): Promise<number> {
  const name = args.at(0)
  const rest = args.slice(1)
  if (name === undefined || name === '--help' || name === 'help') {
    process.stdout.write(overview())
    return name === undefined ? STATUS.usage : STATUS.ok
  }
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command === undefined) {
    process.stderr.write(`world-switch: there is no command "${name}"\n\n${overview()}`)
    return STATUS.usage
  }
  if (rest.includes('--help')) {
    process.stdout.write(command.help)
    return STATUS.ok
  }
  try {
    return await command.run(rest)
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`world-switch ${name}: ${error.message}\n\n${command.help}`)
      return STATUS.usage
    }
    if (error instanceof InputError) {
      process.stderr.write(`world-switch ${name}: ${error.message}\n`)
      return STATUS.input
    }
    throw error
  }
}

// Whoever reads the output, head for one, may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(STATUS.ok)
})
process.exitCode = await main(process.argv.slice(2))
