/**
 * What L0 decides about vmcb12, as data: when each field is read and from where, what is checked, what is used, what is written
 * back, what a saved state holds. The text form is l0.yaml; the designs of the case study are such files (content/designs).
 */
import * as z from 'zod'
import { didYouMean, type Diagnostic } from '../isa/index.ts'
import { CHECKS, VMCB_FIELDS } from '../svm/index.ts'
import { readYaml } from '../yaml/index.ts'

export const DECISIONS_FORMAT = 1

const fieldSchema = z.strictObject({
  copy: z
    .enum(['area-cache', 'save-cache', 'control-cache', 'own', 'none'])
    .optional()
    .describe(
      'Where L0 copies the field to when L1 executes VMRUN: the cache of its own area, that of one area in particular, a ' +
        'variable of its own (save.g_pat only), or nowhere. Controls are always copied: they are needed as long as L2 runs.',
    ),
  check: z
    .enum(['copy', 'live', 'none'])
    .optional()
    .describe('What the consistency checks read: the copy, L1 memory at that moment, or nothing: no check.'),
  use: z
    .enum(['copy', 'live', 'vmcb01'])
    .optional()
    .describe(
      'What goes into vmcb02: the copy, L1 memory at that moment, or the value that L1 itself runs with.',
    ),
  write_back: z
    .enum(['as-hardware', 'none'])
    .optional()
    .describe("Whether a nested #VMEXIT stores L2's value in vmcb12, where the processor would, or never."),
})

export const decisionsSchema = z.strictObject({
  format: z.literal(BigInt(DECISIONS_FORMAT)).describe('Version of this format.'),
  title: z.string().min(1).describe('The name of the design.'),
  about: z.string().default('').describe('Who proposed it, when, and what was said about it.'),
  fields: z
    .record(z.string(), fieldSchema)
    .default({})
    .describe(
      'Decisions by the name of a field (save.g_pat), of a group (save.cs), of an area (control, save), or for all others ' +
        '(default). The longest name decides; what it leaves open the shorter ones say.',
    ),
  pat: z
    .strictObject({
      l2_msr: z
        .enum(['g-pat', 'h-pat'])
        .default('g-pat')
        .describe(
          "With nested paging on for L2: which PAT its own RDMSR and WRMSR of PAT reach. Off, it is always L1's.",
        ),
      h_pat_write_dirties: z
        .enum(['both', 'current'])
        .default('both')
        .describe(
          'Which VMCBs lose their clean bit NP when hPAT changes: all that got the value, or only the one in use.',
        ),
      host_accesses: z
        .enum(['h-pat', 'as-the-guest'])
        .default('h-pat')
        .describe("Which PAT the host's user reads and writes: always L1's, or that of whoever runs."),
    })
    .prefault({}),
  saved_state: z
    .strictObject({
      g_pat: z
        .enum(['none', 'msrs', 'save-area', 'header'])
        .default('header')
        .describe(
          "Where L2's PAT is while a vCPU is moved: nowhere; in the MSR, and L1's in g_pat of L1's save area; in that g_pat itself; in a field of the header.",
        ),
      valid_flag: z
        .boolean()
        .default(false)
        .describe(
          'A flag in the header says that g_pat is there. Without the flag L2 gets the hPAT of its first run.',
        ),
      check_l1_g_pat: z
        .enum(['never', 'with-vmcb12-controls'])
        .default('never')
        .describe(
          "Whether the check of L1's save area looks at g_pat in it, as a VMRUN with vmcb12's controls would. The areas are not of one VMCB.",
        ),
      fill_l1_g_pat: z
        .enum(['keep', 'host-pat'])
        .default('keep')
        .describe(
          "Before that check, g_pat of L1's save area is left as it is, or becomes the hPAT that the vCPU has then.",
        ),
    })
    .prefault({}),
  shared_pat_quirk: z
    .enum(['absent', 'on', 'off'])
    .default('absent')
    .describe(
      'A compatibility quirk that lets L1 and L2 share a PAT: the design has none, or it has one and it is on or off.',
    ),
})

type Written = z.output<typeof decisionsSchema>

/** How one field of vmcb12 is treated. */
export type FieldDecision = {
  readonly [K in keyof z.output<typeof fieldSchema>]-?: NonNullable<z.output<typeof fieldSchema>[K]>
}

export interface Decisions extends Omit<Written, 'fields' | 'format'> {
  /** One for each of L2_FIELDS. */
  readonly fields: ReadonlyMap<string, FieldDecision>
}

/** The fields of vmcb12 that say what L2 is: those that VMRUN loads, by ascending offset. */
export const L2_FIELDS = VMCB_FIELDS.filter(({ moved }) => moved.includes('vmrun'))

const KNOWN = new Set(L2_FIELDS.map(({ key }) => key))

/** What is decided where nobody says anything: everything is copied once, and the copy is checked and used. */
const DEFAULTS: FieldDecision = { copy: 'area-cache', check: 'copy', use: 'copy', write_back: 'as-hardware' }

/** The names under which something about a field may stand, from the weakest to the strongest. */
function namesOf(key: string): string[] {
  const parts = key.split('.')
  return ['default', ...parts.map((_, i) => parts.slice(0, i + 1).join('.'))]
}

const NAMES = new Set([...KNOWN].flatMap(namesOf))

function resolveFields(written: Written['fields']): Map<string, FieldDecision> {
  return new Map(
    L2_FIELDS.map(({ key }) => [
      key,
      namesOf(key).reduce((decided, name) => ({ ...decided, ...defined(written[name]) }), DEFAULTS),
    ]),
  )
}

/** What of a decision was written. */
function defined(decision: z.output<typeof fieldSchema> = {}): Partial<FieldDecision> {
  return Object.fromEntries(Object.entries(decision).filter(([, value]) => value !== undefined))
}

/** The name under which a field's decision was written last: where to point in a message. */
function strongestName(written: Written['fields'], key: string): string {
  return namesOf(key).findLast((name) => Object.hasOwn(written, name)) ?? 'default'
}

/** Fields that a check looks at besides the one that it blames need a value to look at, too. */
const CHECKED = new Set(CHECKS.flatMap(({ fields }) => fields))

export interface ParsedDecisions {
  /** Absent when there are diagnostics. */
  readonly decisions?: Decisions
  readonly diagnostics: readonly Diagnostic[]
}

/** Reads an l0.yaml. Never throws: what is wrong is in `diagnostics`, with its place. */
export function parseDecisions(file: string, text: string): ParsedDecisions {
  const { value: written, diagnostics: problems, errorAt } = readYaml(file, text, decisionsSchema)
  if (written === undefined) return { diagnostics: problems }
  const diagnostics: Diagnostic[] = []
  for (const name of Object.keys(written.fields)) {
    if (NAMES.has(name)) continue
    const path = ['fields', name]
    const message = `VMRUN loads no field ${name} from vmcb12`
    diagnostics.push(errorAt(path, 'unknown-field', message, didYouMean(name, [...NAMES])))
  }
  const fields = resolveFields(written.fields)
  for (const [key, { copy, check, use }] of fields) {
    const path = ['fields', strongestName(written.fields, key)]
    if (copy === 'own' && key !== 'save.g_pat')
      diagnostics.push(errorAt(path, 'own-copy', `${key}: only save.g_pat can have a variable of its own`))
    if (key.startsWith('control.') && copy !== 'area-cache' && copy !== 'control-cache')
      diagnostics.push(
        errorAt(
          path,
          'control-copy',
          `${key}: the controls are needed as long as L2 runs: they are copied to the control cache`,
        ),
      )
    else if (copy === 'none' && (use === 'copy' || (check === 'copy' && CHECKED.has(key))))
      diagnostics.push(
        errorAt(
          path,
          'no-copy',
          `${key}: the copy is ${use === 'copy' ? 'used' : 'checked'}, but none is made`,
        ),
      )
  }
  if (written.saved_state.g_pat === 'none' && written.saved_state.valid_flag)
    diagnostics.push(
      errorAt(
        ['saved_state', 'valid_flag'],
        'flag-of-nothing',
        'the saved state holds no g_pat that the flag could announce',
      ),
    )
  const once = diagnostics.filter(
    (one, i) => diagnostics.findIndex(({ line, code }) => line === one.line && code === one.code) === i,
  )
  if (once.length > 0) return { diagnostics: once }
  const { title, about, pat, saved_state, shared_pat_quirk } = written
  return { decisions: { title, about, fields, pat, saved_state, shared_pat_quirk }, diagnostics: [] }
}

/** How a field of L2_FIELDS is treated. */
export function decisionFor(decisions: Decisions, key: string): FieldDecision {
  return decisions.fields.get(key)!
}

/** What follows from a design, worked out once for each. */
export function perDesign<T>(follows: (decisions: Decisions) => T): (decisions: Decisions) => T {
  const known = new WeakMap<Decisions, T>()
  return (decisions) => {
    let result = known.get(decisions)
    if (result === undefined) known.set(decisions, (result = follows(decisions)))
    return result
  }
}

/** What is decided about g_pat while L1 and L2 share a PAT: what there was before the series. */
const SHARED_PAT: Partial<FieldDecision> = { check: 'none', use: 'vmcb01', write_back: 'none' }

/**
 * The decisions in force under a setting of the quirk. While it is on, a design that has it treats g_pat as was done before the
 * series. A design without the quirk does not change. `quirk` undefined: as the design sets it.
 */
export function inForce(decisions: Decisions, quirk?: boolean): Decisions {
  const { shared_pat_quirk, fields, pat, saved_state } = decisions
  if (shared_pat_quirk === 'absent') return decisions
  if (!(quirk ?? shared_pat_quirk === 'on')) return { ...decisions, shared_pat_quirk: 'off' }
  const gPat = { ...decisionFor(decisions, 'save.g_pat'), ...SHARED_PAT }
  return {
    ...decisions,
    fields: new Map([...fields, ['save.g_pat', gPat]]),
    pat: { ...pat, l2_msr: 'h-pat' },
    saved_state: { ...saved_state, g_pat: 'none', valid_flag: false },
    shared_pat_quirk: 'on',
  }
}

/** True when L2 with nested paging has a PAT that is not L1's. */
export function hasOwnPat(decisions: Decisions): boolean {
  return decisionFor(decisions, 'save.g_pat').use !== 'vmcb01'
}
