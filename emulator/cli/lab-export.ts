/** `world-switch lab export`: a lab as a multiboot image, and the commands that run it. */
import { existsSync, writeFileSync } from 'node:fs'
import * as hypervisor from '../hypervisor/index.ts'
import { exportCommands, exportImage, formatDiagnostic, LabSession, parseLab } from '../lab/index.ts'
import { InputError, STATUS, UsageError } from './command.ts'
import { readLabFolder } from './files.ts'

export function exportLab(
  folder: string,
  slug: string,
  output: string | undefined,
  withSolution: boolean,
): number {
  if (output === undefined) throw new UsageError('lab export needs -o FILE')
  if (!existsSync(folder)) throw new InputError(`there is no lab ${folder}`)
  const { lab, start, solution, diagnostics } = parseLab(slug, readLabFolder(folder))
  if (lab === undefined) throw new InputError(`${slug}: ${diagnostics.map(formatDiagnostic).join('; ')}`)
  const built = new LabSession(lab, { hypervisor }).build(
    withSolution ? new Map([...start, ...solution]) : start,
  )
  const exported = exportImage(lab, built)
  if (!exported.ok) throw new InputError(`${slug} cannot be exported: ${exported.reason}`)
  writeFileSync(output, exported.image)
  for (const { where, command } of exportCommands(lab, output, exported.memory))
    process.stdout.write(`${where}:\n  ${command}\n`)
  return STATUS.ok
}
