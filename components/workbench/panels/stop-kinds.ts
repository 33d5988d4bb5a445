/** The kinds of stops that the form offers, and what each has to be told; from the tables of the emulator. */
import { exceptionName, SYSTEM_REGISTERS } from '../../../emulator/machine/index.ts'
import { EXIT_CODES, VECTOR, VMCB_FIELDS } from '../../../emulator/svm/index.ts'
import { hex } from '../format.ts'
import type { ReaderStop } from '../protocol.ts'
import { WATCHED_REGISTERS } from '../reader-stops.ts'
import { registerName } from '../register-names.ts'
import type { LabStore } from '../store.ts'

/** A value and what it is called or means. */
type Choice = readonly [value: string, text: string]

export interface StopInput {
  readonly id: string
  readonly label: string
  /** With choices it is a list to choose from; otherwise a line to write in. */
  readonly choices?: readonly Choice[]
  readonly suggestions?: readonly Choice[]
  /** The value before the reader has said anything. */
  readonly first?: string
  readonly hint?: string
  readonly isOptional?: boolean
}

export interface StopKind {
  readonly id: string
  readonly label: string
  readonly inputs: (store: LabStore) => readonly StopInput[]
  readonly read: (value: (id: string) => string) => ReaderStop
}

function chosen(id: string, label: string, choices: readonly Choice[]): StopInput {
  return { id, label, choices, first: choices[0][0] }
}

/** An address: a number, a symbol, or a sum of both. */
function address(store: LabStore, label: string): StopInput {
  const symbols = [...store.symbols.value].filter(([name]) => !name.includes('.'))
  return {
    id: 'address',
    label,
    suggestions: symbols.map(([name, value]) => [name, hex(value)]),
    hint: 'symbol + number',
  }
}

const EXITS: readonly Choice[] = EXIT_CODES.map(({ key, name, cause }) => [key, `${name}: ${cause}`])
/** Under L0. */
const SEERS: readonly Choice[] = [
  ['', 'L0 or L1'],
  ['L0', 'L0: an exit of the processor'],
  ['L1', 'L1'],
]
const EXCEPTIONS: readonly Choice[] = [
  ['', 'any'],
  ...Object.values(VECTOR).map((vector): Choice => [`${vector}`, `${exceptionName(vector)} (${vector})`]),
]
const BYTES: readonly Choice[] = [8, 4, 2, 1].map((bytes) => [`${bytes}`, `${bytes}`])
const FIELDS: readonly Choice[] = VMCB_FIELDS.map(({ key, name, offset }) => [key, `${hex(offset)} ${name}`])

/** Of the system registers, those that are not MSRs. */
const CONTROL = /^[cd]r\d$/

function isMsr(name: string): boolean {
  return (SYSTEM_REGISTERS as readonly string[]).includes(name) && !CONTROL.test(name)
}

function registers(store: LabStore, ofKind: (name: string) => boolean): readonly StopInput[] {
  const names = WATCHED_REGISTERS.filter(ofKind)
  const processors = store.view.value?.cpus.length ?? 1
  return [
    chosen(
      'name',
      'Register',
      names.map((name) => [name, registerName(name)]),
    ),
    ...(processors === 1
      ? []
      : [
          chosen(
            'processor',
            'vCPU',
            Array.from({ length: processors }, (_, index) => [`${index}`, `${index}`]),
          ),
        ]),
  ]
}

function readRegister(value: (id: string) => string): ReaderStop {
  const name = WATCHED_REGISTERS.find((register) => register === value('name'))!
  return { kind: 'register', name, processor: Number(value('processor')) }
}

export const STOP_KINDS: readonly StopKind[] = [
  {
    id: 'exit',
    label: 'a #VMEXIT',
    inputs: (store) => [
      { id: 'name', label: 'Exit code', suggestions: EXITS, hint: 'any', isOptional: true },
      ...(store.view.value?.l0 === undefined ? [] : [chosen('to', 'Seen by', SEERS)]),
    ],
    read(value) {
      const name = value('name')
        .toLowerCase()
        .replace(/^vmexit_/, '')
      const to = value('to')
      return {
        kind: 'exit',
        name: name === '' ? undefined : name,
        to: to === 'L0' || to === 'L1' ? to : undefined,
      }
    },
  },
  {
    id: 'exception',
    label: 'an exception',
    inputs: () => [chosen('vector', 'Vector', EXCEPTIONS)],
    read: (value) => ({
      kind: 'exception',
      vector: value('vector') === '' ? undefined : Number(value('vector')),
    }),
  },
  {
    id: 'address',
    label: 'an instruction',
    inputs: (store) => [address(store, 'Linear address')],
    read: (value) => ({ kind: 'address', address: value('address') }),
  },
  {
    id: 'memory',
    label: 'an access to memory',
    inputs: (store) => [
      address(store, 'Physical address'),
      chosen('bytes', 'Bytes', BYTES),
      chosen('access', 'Access', [
        ['write', 'write'],
        ['read', 'read'],
      ]),
    ],
    read: (value) => ({
      kind: 'memory',
      address: value('address'),
      bytes: Number(value('bytes')),
      access: value('access') === 'read' ? 'read' : 'write',
    }),
  },
  {
    id: 'register',
    label: 'a change of a register',
    inputs: (store) => registers(store, (name) => !isMsr(name)),
    read: readRegister,
  },
  {
    id: 'msr',
    label: 'a change of an MSR',
    inputs: (store) => registers(store, isMsr),
    read: readRegister,
  },
  {
    id: 'field',
    label: 'a write to a VMCB field',
    inputs(store) {
      const vmcbs = (store.opened.value?.lab.files ?? []).flatMap(({ symbol, name }): Choice[] =>
        symbol === undefined ? [] : [[symbol, name]],
      )
      const first = vmcbs[0]?.[0]
      return [
        {
          id: 'vmcb',
          label: 'VMCB at',
          suggestions: vmcbs,
          hint: 'symbol + number',
          ...(first === undefined ? {} : { first }),
        },
        { id: 'field', label: 'Field', suggestions: FIELDS, hint: 'save.rip' },
      ]
    },
    read: (value) => ({ kind: 'field', vmcb: value('vmcb'), field: value('field').toLowerCase() }),
  },
]
