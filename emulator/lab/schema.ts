/** The lab format, version 1: lab.yaml and variants.yaml. Editors and the authoring guide take their descriptions from here. */
import * as z from 'zod'
import { MOST_CPUS, STATE_CACHE_POLICIES } from '../machine/index.ts'
import { LOOK_PURPOSES, MIGRATION_POINTS, PROPERTIES } from '../hypervisor/index.ts'
import { EXIT_CODES } from '../svm/index.ts'
import { conditionSchema, fieldKey } from './condition-schemas.ts'
import { PANELS } from './panels.ts'

export const LAB_FORMAT = 1

const id = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, 'must be lower-case words joined by hyphens')

/** A small whole number. The YAML reader hands over BigInts so that 64-bit constants keep their digits. */
const count = (low: number, high: number): z.ZodType<number, bigint> =>
  z.bigint().transform(Number).pipe(z.number().int().min(low).max(high))

const textFile = z.strictObject({
  name: z
    .string()
    .regex(
      /^([\w-]+\.(asm|inc|vmcb)|l0\.yaml)$/,
      'must be a plain file name ending in .asm, .inc or .vmcb, or l0.yaml',
    )
    .describe(
      'File name in start/ and solution/. The first .asm file is the program; l0.yaml is what L0 decides.',
    ),
  symbol: z
    .string()
    .optional()
    .describe(
      'For a .vmcb file: the symbol of the program at which the image is placed on Reset. 4 KB aligned.',
    ),
  editable: z.boolean().default(true).describe('Whether the reader may change it.'),
})

const value = z.union([z.bigint(), z.string()])

const exitName = z.enum(EXIT_CODES.map(({ key }) => key))

const handledExit = z.strictObject({
  exit: exitName.optional().describe('What ran, L1 or L2, has exited to L0 so.'),
  vmexit: exitName.optional().describe('L1 has got this exit of L2.'),
  decision: z
    .strictObject({ rule: z.string().optional(), field: fieldKey.optional(), equals: z.bigint().optional() })
    .optional()
    .describe('L0 has decided by this rule, about this field, this value.'),
  look: z
    .strictObject({ field: fieldKey, for: z.enum(LOOK_PURPOSES).optional() })
    .optional()
    .describe('L0 has looked at this field of vmcb12.'),
})

const migration = z.strictObject({
  msrs: z
    .enum(['before', 'after'])
    .default('after')
    .describe('Whether the user restores the MSRs before the nested state or, as QEMU, after it.'),
  at: z
    .array(z.enum(MIGRATION_POINTS))
    .min(1)
    .optional()
    .describe(
      'Only while L1 runs, while a VMRUN of L1 is pending, while L2 runs, or while it runs and an event waits that ends it; without it, always.',
    ),
  when: handledExit
    .optional()
    .describe(
      'Only when all of this has happened at the exit that L0 has just dealt with; without it, at any.',
    ),
  occasion: count(1, 1_000_000)
    .optional()
    .describe(
      'Only the n-th time that a vCPU is at these points then, counted from 1; without it, each time.',
    ),
  older_g_pat: z
    .bigint()
    .optional()
    .describe(
      "The saved states come from an L0 that did not know of L2's PAT, and left this in g_pat of L1's save area.",
    ),
})

/** L0 and its user. */
const l0Setting = {
  design: id.optional().describe('A design of the book, in place of a text l0.yaml.'),
  quirk: z
    .enum(['on', 'off'])
    .optional()
    .describe("The setting of the design's quirk; without it, as the design has it."),
  migration: migration.optional().describe('The vCPUs are moved at every exit; without it, never.'),
}

const store = z.strictObject({
  by: count(1, 7).default(1).describe('The vCPU that stores.'),
  at: value.describe("Address in L1's memory."),
  field: z.string().optional().describe('A field of the VMCB at that address.'),
  size: z
    .union([z.literal(1n), z.literal(2n), z.literal(4n), z.literal(8n)])
    .optional()
    .describe('Bytes; without it, those of the field, or 8.'),
  value,
})

const race = z.strictObject({
  id,
  title: z.string().min(1),
  vmrun: count(0, 1000).default(0).describe('Which VMRUN of L1, counted from 0, other vCPUs race for.'),
  stores: z.array(store).min(1).max(8).describe('What they store meanwhile, each in this order.'),
  properties: z
    .array(z.enum(PROPERTIES.map(({ name }) => name)))
    .min(1)
    .optional()
    .describe('What must hold in every order; without it, all that the explorer knows.'),
  executions: count(1, 100_000).default(20_000).describe('Orders that are tried at most.'),
})

const edit = z.strictObject({
  file: z.string(),
  replace: z.string().min(1).describe('Text that must occur exactly once in the file.'),
  with: z.string(),
})

const scenario = z.strictObject({
  id,
  title: z.string().min(1).describe('What happens, as the reader sees it.'),
  cpus: count(1, MOST_CPUS).optional().describe("Processors, in place of the lab's number."),
  seed: count(0, 0xffff_ffff).optional().describe("In place of the lab's, and of any other."),
  l0: z
    .strictObject(l0Setting)
    .optional()
    .describe("In place of the lab's own; but without a design, L0 decides as the reader's l0.yaml says."),
  edits: z.array(edit).default([]).describe('Changes of texts that the reader cannot edit.'),
  when: z.array(conditionSchema).min(1).describe('Facts about the run that must all hold.'),
})

const goal = z.strictObject({
  id,
  text: z.string().min(1).describe('What is to be reached, as the reader sees it.'),
  when: z.array(conditionSchema).min(1).describe('Facts about the run that must all hold.'),
})

const question = z.strictObject({
  id,
  ask: z.string().min(1),
  answers: z
    .array(
      z.strictObject({
        text: z.string().min(1),
        when: z
          .array(conditionSchema)
          .min(1)
          .describe('Facts about the run that make this answer the true one.'),
      }),
    )
    .min(2),
})

export const labSchema = z.strictObject({
  format: z.literal(BigInt(LAB_FORMAT)).describe('Version of this format.'),
  title: z.string().min(1),
  summary: z.string().min(1).describe('One sentence: what the reader does here.'),
  objectives: z.array(z.string()).min(1),
  prerequisites: z.array(z.string()).default([]),
  minutes: count(1, 240),
  machine: z
    .strictObject({
      start: z
        .enum(['long', 'protected', 'real', 'reset'])
        .default('long')
        .describe('State in which the program begins; docs/authoring.md describes each.'),
      memory: count(4, 256).default(16).describe('RAM in MiB.'),
      cpu: z.literal('default').default('default').describe('CPU model.'),
      cpus: count(1, MOST_CPUS).default(1).describe('Processors. All but the first wait for STARTUP.'),
      seed: count(0, 0xffff_ffff)
        .default(0)
        .describe("Chooses random numbers and how long the processors' turns are."),
      state_cache: z
        .enum(STATE_CACHE_POLICIES)
        .optional()
        .describe('What VMRUN makes of clean bits; without it the lab must come out the same either way.'),
      caches: z
        .boolean()
        .default(false)
        .describe(
          'Caches and write combining, with a framebuffer at E0000000h and a bus master at port 600h to see them by.',
        ),
      l0: z
        .strictObject(l0Setting)
        .optional()
        .describe('The program is L1, under an L0 that decides as l0.yaml says.'),
    })
    .prefault({}),
  races: z.array(race).default([]).describe("vCPUs that store while L0 deals with L1's VMRUN."),
  scenarios: z
    .array(scenario)
    .default([])
    .describe('Further runs of the same texts, under other circumstances, for the condition scenario.'),
  files: z.array(textFile).min(1),
  panels: z
    .array(z.enum(PANELS))
    .default(['exits', 'registers'])
    .describe('Those that are open at first; the others are a choice away.'),
  reveal: z
    .enum(['live', 'after-run', 'after-guess', 'never'])
    .default('after-run')
    .describe(
      'When the workbench may name the consistency check that fails; after-guess: once the reader has named a field and a reason.',
    ),
  limits: z.strictObject({ instructions: count(1, 1_000_000_000).default(1_000_000) }).prefault({}),
  goals: z.array(goal).min(1),
  predict: z.array(question).default([]).describe('Questions to answer before the first run.'),
  hints: z.array(z.string()).default([]),
  manual: z.array(z.string()).default([]).describe('Sections of the manual, e.g. "APM vol 2 §15.5.1".'),
})

export const variantsSchema = z.array(
  z.strictObject({
    id,
    title: z.string().min(1).describe('What was changed.'),
    from: z.enum(['solution', 'start']).default('solution'),
    edits: z.array(edit).min(1),
    state_cache: z
      .enum(STATE_CACHE_POLICIES)
      .optional()
      .describe(
        'The only policy under which it fails so; without it, it fails so under all that the lab allows.',
      ),
    fails: z.array(id).min(1).describe('Exactly the goals that this variant must fail.'),
    cheat: z
      .boolean()
      .default(false)
      .describe('The variant that writes the expected result without the guest doing the work.'),
  }),
)

export type Lab = z.output<typeof labSchema> & {
  readonly slug: string
  /** The texts of the designs that the lab and its scenarios name, by their names. */
  readonly designs?: Readonly<Record<string, string>>
}

export type Goal = Lab['goals'][number]
export type Race = Lab['races'][number]
export type Scenario = Lab['scenarios'][number]
export type LabMigration = z.output<typeof migration>
export type Edit = z.output<typeof edit>
export type Variant = z.output<typeof variantsSchema>[number]
