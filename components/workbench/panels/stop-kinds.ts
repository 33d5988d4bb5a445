/** The kinds of stops that the form offers, and what each has to be told; from the tables of the emulator. */
import { exceptionName, SYSTEM_REGISTERS } from '../../../emulator/machine/index.ts'
import { EXIT_CODES, VECTOR, VMCB_FIELDS } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { ReaderStop } from '../protocol.ts'
import { WATCHED_REGISTERS } from '../reader-stops.ts'
import { registerName } from '../register-names.ts'
import type { LabStore } from '../store.ts'

/** A value and what it is called or means. */
type Choice = readonly [value: string, meaning: string]

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
    hint: text.symbolAndNumber,
  }
}

const EXITS: readonly Choice[] = EXIT_CODES.map(({ key, name, cause }) => [key, `${name}: ${cause}`])
/** Under L0. */
const SEERS: readonly Choice[] = [
  ['', text.l0OrL1],
  ['L0', text.exitOfProcessor],
  ['L1', 'L1'],
]
const EXCEPTIONS: readonly Choice[] = [
  ['', text.any],
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
      text.register,
      names.map((name) => [name, registerName(name)]),
    ),
    ...(processors === 1
      ? []
      : [
          chosen(
            'processor',
            text.vcpu,
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
    label: text.anExit,
    inputs: (store) => [
      { id: 'name', label: text.exitCode, suggestions: EXITS, hint: text.any, isOptional: true },
      ...(store.view.value?.l0 === undefined ? [] : [chosen('to', text.seenBy, SEERS)]),
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
    label: text.anException,
    inputs: () => [chosen('vector', text.vector, EXCEPTIONS)],
    read: (value) => ({
      kind: 'exception',
      vector: value('vector') === '' ? undefined : Number(value('vector')),
    }),
  },
  {
    id: 'address',
    label: text.anInstruction,
    inputs: (store) => [address(store, text.linearAddress)],
    read: (value) => ({ kind: 'address', address: value('address') }),
  },
  {
    id: 'memory',
    label: text.anAccess,
    inputs: (store) => [
      address(store, text.physicalAddress),
      chosen('bytes', text.bytes, BYTES),
      chosen('access', text.access, [
        ['write', text.write],
        ['read', text.read],
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
    label: text.aRegister,
    inputs: (store) => registers(store, (name) => !isMsr(name)),
    read: readRegister,
  },
  {
    id: 'msr',
    label: text.anMsr,
    inputs: (store) => registers(store, isMsr),
    read: readRegister,
  },
  {
    id: 'field',
    label: text.aField,
    inputs(store) {
      const vmcbs = (store.opened.value?.lab.files ?? []).flatMap(({ symbol, name }): Choice[] =>
        symbol === undefined ? [] : [[symbol, name]],
      )
      const first = vmcbs[0]?.[0]
      return [
        {
          id: 'vmcb',
          label: text.vmcbToWatch,
          suggestions: vmcbs,
          hint: text.symbolAndNumber,
          ...(first === undefined ? {} : { first }),
        },
        { id: 'field', label: text.field, suggestions: FIELDS, hint: 'save.rip' },
      ]
    },
    read: (value) => ({ kind: 'field', vmcb: value('vmcb'), field: value('field').toLowerCase() }),
  },
]
