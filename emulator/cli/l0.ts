/** L0 on the command line: --l0 DESIGN and --l0-quirk on|off. */
import { cpuOfL1, createL0, type L0 } from '../hypervisor/index.ts'
import type { MachineOptions } from '../machine/index.ts'
import { oneOf, UsageError } from './command.ts'
import { designNames, readDesign } from './files.ts'

export const L0_OPTIONS = { l0: { type: 'string' }, 'l0-quirk': { type: 'string' } } as const

export const L0_HELP = `  --l0 DESIGN              run it under L0, a hypervisor with nested SVM. DESIGN is a file, or
                           ${designNames().slice(0, 3).join(', ')},
                           ${designNames().slice(3).join(', ')}
  --l0-quirk on|off        the setting of the design's quirk (default: as the design has it)
`

export interface L0Arguments {
  readonly design: string
  readonly quirk: boolean | undefined
}

/** Undefined without --l0. Throws UsageError. */
export function l0Arguments(values: {
  readonly l0?: string | undefined
  readonly 'l0-quirk'?: string | undefined
}): L0Arguments | undefined {
  const { l0: design, 'l0-quirk': quirk } = values
  if (design === undefined && quirk !== undefined) throw new UsageError('--l0-quirk needs --l0')
  if (design === undefined) return undefined
  return {
    design,
    quirk: quirk === undefined ? undefined : oneOf('--l0-quirk', quirk, ['on', 'off']) === 'on',
  }
}

/** Options for a machine with the bare processor, or with the one that L0 offers; and L0, once the machine is made. */
export function processorOptions(
  l0: L0Arguments | undefined,
  ramBytes: number,
  vcpus: number,
  cpu?: string,
): { readonly options: Pick<MachineOptions, 'cpu' | 'host'>; readonly l0: () => L0 | undefined } {
  if (l0 === undefined) return { options: cpu === undefined ? {} : { cpu }, l0: () => undefined }
  const decisions = readDesign(l0.design)
  if (l0.quirk !== undefined && decisions.shared_pat_quirk === 'absent')
    throw new UsageError(`--l0-quirk: ${l0.design} has no quirk`)
  const made = createL0(ramBytes, { vcpus, decisions, sharedPatQuirk: l0.quirk })
  return { options: { cpu: cpuOfL1(cpu), host: made.host }, l0: made.l0 }
}
