/** What a playground runs: a machine as the reader wants it, and texts or an image for it. What comes from outside is judged here. */
import type { Image, Lab } from '../../emulator/lab/index.ts'
import { MOST_CPUS, STATE_CACHE_POLICIES, type StartKind } from '../../emulator/machine/index.ts'
import { isRecord } from '../reader/records.ts'
import { PLAYGROUND } from '../paths.ts'
import * as text from '../strings.ts'
import type { LabPayload } from '../workbench/protocol.ts'

export type StateCacheChoice = (typeof STATE_CACHE_POLICIES)[number]

/** What the machine is like. */
export interface Options {
  /** MiB. */
  readonly memory: number
  readonly cpus: number
  readonly start: StartKind
  readonly stateCache: StateCacheChoice
  readonly caches: boolean
  readonly seed: number
  /** A run ends after so many instructions. */
  readonly limit: number
}

export interface ProjectFile {
  readonly name: string
  readonly text: string
  /** Of a .vmcb file: the symbol of the program at which its image is placed. */
  readonly symbol: string
}

export interface Project {
  readonly options: Options
  readonly files: readonly ProjectFile[]
  /** It runs in place of the files, which are kept. */
  readonly image?: Image | undefined
}

/** What a project can begin with. */
export interface Template extends Project {
  readonly id: string
  readonly title: string
  readonly about: string
}

export const MEMORY_SIZES = [4, 16, 64, 128, 256, 512, 1024, 2048, 3072] as const
export const CPU_COUNTS: readonly number[] = Array.from({ length: MOST_CPUS }, (_, index) => index + 1)
export const STARTS: readonly { readonly id: StartKind; readonly label: string }[] = [
  { id: 'long', label: '64-bit' },
  { id: 'protected', label: '32-bit' },
  { id: 'real', label: text.realMode },
  { id: 'reset', label: 'RESET' },
]
export const LIMITS = [1_000_000, 100_000_000, 10_000_000_000, 1_000_000_000_000] as const
export const MOST_SEED = 0xffff_ffff

export const DEFAULT_OPTIONS: Options = {
  memory: 16,
  cpus: 1,
  start: 'long',
  stateCache: 'lazy',
  caches: false,
  seed: 0,
  limit: 100_000_000,
}

/** Kernels expect a PC's memory, and run long. */
export const IMAGE_OPTIONS: Options = { ...DEFAULT_OPTIONS, memory: 128, limit: 1_000_000_000_000 }

/** The file that says what L0 decides: a machine that has it has an L0. */
export const L0_FILE = 'l0.yaml'

const FILE_NAME = /^([\w-]{1,60}\.(asm|inc|vmcb)|l0\.yaml)$/
const SYMBOL = /^[A-Za-z_.][\w.]{0,99}$/
export const MOST_FILES = 30
/** Characters. */
export const LARGEST_TEXT = 1_000_000
/** Bytes. */
export const LARGEST_IMAGE = 64 * 0x10_0000
export const LONGEST_COMMAND_LINE = 2000
export const MOST_ADDRESS = 0xffff_ffff

/** Why a file of a project cannot have this name; undefined if it can. */
export function nameProblem(name: string, others: readonly ProjectFile[]): string | undefined {
  if (!FILE_NAME.test(name)) return text.badFileName
  if (name === 'svm.inc') return text.includeFileExists
  if (others.some((file) => file.name === name)) return text.nameTaken(name)
  return undefined
}

export function isSymbol(name: string): boolean {
  return SYMBOL.test(name)
}

/** The symbol that the name of a VMCB file suggests. */
export function symbolFor(name: string): string {
  return name.replace(/\.\w+$/, '').replaceAll('-', '_')
}

/** The file that is assembled; the other .asm files are for it to include. */
export function programOf(files: readonly ProjectFile[]): string | undefined {
  return files.find(({ name }) => name.endsWith('.asm'))?.name
}

/** The project as a lab without goals. */
export function payloadOf({ options, files, image }: Project): LabPayload {
  const { memory, cpus, start, stateCache, seed } = options
  const hasL0 = image === undefined && files.some(({ name }) => name === L0_FILE)
  const lab: Lab = {
    slug: PLAYGROUND,
    format: 1n,
    title: 'Playground',
    summary: '',
    objectives: [],
    prerequisites: [],
    minutes: 1,
    machine: {
      start,
      memory,
      cpu: 'default',
      cpus,
      seed,
      state_cache: stateCache,
      // The bus master of a machine with caches would reach L0's memory.
      caches: options.caches && !hasL0,
      ...(hasL0 ? { l0: {} } : {}),
    },
    races: [],
    scenarios: [],
    files:
      image === undefined
        ? files.map(({ name, symbol }) => ({
            name,
            editable: true,
            ...(name.endsWith('.vmcb') ? { symbol } : {}),
          }))
        : [],
    panels:
      image === undefined
        ? ['exits', 'registers', 'vmcb', 'memory', 'console']
        : ['exits', 'registers', 'listing', 'memory'],
    reveal: 'live',
    limits: { instructions: options.limit },
    goals: [],
    predict: [],
    hints: [],
    manual: [],
  }
  const texts = image === undefined ? Object.fromEntries(files.map(({ name, text }) => [name, text])) : {}
  return { slug: lab.slug, key: lab.slug, lab, start: texts, solution: {}, image }
}

function isWhole(value: unknown, low: number, high: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high
}

function parseOptions(value: unknown): Options | undefined {
  if (!isRecord(value)) return undefined
  const { memory, cpus, start, stateCache, caches, seed, limit } = value
  const policy = STATE_CACHE_POLICIES.find((one) => one === stateCache)
  const begins = STARTS.find(({ id }) => id === start)
  if (!MEMORY_SIZES.some((one) => one === memory) || !isWhole(cpus, 1, MOST_CPUS)) return undefined
  if (begins === undefined || policy === undefined || typeof caches !== 'boolean') return undefined
  if (!isWhole(seed, 0, MOST_SEED) || !LIMITS.some((one) => one === limit)) return undefined
  return {
    memory: memory as number,
    cpus,
    start: begins.id,
    stateCache: policy,
    caches,
    seed,
    limit: limit as number,
  }
}

function parseFile(value: unknown, others: readonly ProjectFile[]): ProjectFile | undefined {
  if (!isRecord(value)) return undefined
  const { name, text, symbol } = value
  if (typeof name !== 'string' || nameProblem(name, others) !== undefined) return undefined
  if (typeof text !== 'string' || text.length > LARGEST_TEXT) return undefined
  if (typeof symbol !== 'string' || !isSymbol(symbol)) return undefined
  return { name, text, symbol }
}

/** A project without an image, of JSON data; undefined if it is something else. */
export function parseProject(value: unknown): Project | undefined {
  if (!isRecord(value) || !Array.isArray(value['files']) || value['files'].length > MOST_FILES)
    return undefined
  const options = parseOptions(value['options'])
  const files: ProjectFile[] = []
  for (const one of value['files'] as unknown[]) {
    const file = parseFile(one, files)
    if (file === undefined) return undefined
    files.push(file)
  }
  if (options === undefined || programOf(files) === undefined) return undefined
  return { options, files }
}

/** An image of JSON data and its bytes; undefined if it is something else. */
export function parseImage(value: unknown, bytes: Uint8Array): Image | undefined {
  if (!isRecord(value) || bytes.length > LARGEST_IMAGE) return undefined
  const { kind, name, commandLine, address } = value
  if (typeof name !== 'string' || name.length > 200) return undefined
  if (kind === 'flat' && isWhole(address, 0, MOST_ADDRESS)) return { kind, name, bytes, address }
  if (kind === 'multiboot' && typeof commandLine === 'string' && commandLine.length <= LONGEST_COMMAND_LINE)
    return { kind, name, bytes, commandLine }
  return undefined
}
