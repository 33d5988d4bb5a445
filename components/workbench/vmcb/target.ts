/** What the form of a VMCB shows and changes: its text, or memory while the machine is paused. */
import { parseVmcbText, type VmcbAssignment } from '../../../emulator/lab/index.ts'
import { type BitField, type VmcbField } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { RunView, VmcbImages } from '../protocol.ts'
import { readShown } from '../radix.tsx'
import type { LabStore } from '../store.ts'
import { valueOf } from './image.ts'
import { setBits, setExpression, setField, type TextEdit } from './text-edit.ts'

export type Source = 'text' | 'memory'

export interface Target {
  readonly source: Source
  readonly image: Uint8Array
  /** What it is compared with: memory for the text, the text for memory. */
  readonly other: Uint8Array
  readonly canEdit: boolean
  /** What an edit changes, or why there is none. */
  readonly notice: string
  /** Lines of the text that set a field. */
  readonly lines: (field: VmcbField) => readonly VmcbAssignment[]
  /** Sets a field to what the reader typed. Returns what is wrong with it. */
  readonly type: (field: VmcbField, typed: string) => string | undefined
  readonly setBits: (field: VmcbField, bit: BitField, value: bigint) => string | undefined
}

/** What a form shows unless the reader chooses otherwise: memory as soon as the machine has made something of the text. */
export function automaticSource(store: LabStore, view: RunView): Source {
  return view.instructions > 0 && !store.isStale.value ? 'memory' : 'text'
}

export function textTarget(store: LabStore, view: RunView, vmcb: VmcbImages): Target {
  const { name } = vmcb
  const content = store.work.texts.value[name]
  const symbols = store.symbols.value
  const { image, assignments, diagnostics } = parseVmcbText(name, content, symbols)
  const canEdit = store.opened.value?.lab.files.some((file) => file.name === name && file.editable) === true
  const isRunning = view.instructions > 0 && !store.isStale.value
  const apply = (edit: TextEdit): string | undefined => {
    if (!edit.ok) return edit.message
    store.edit(name, edit.text)
    return undefined
  }
  return {
    source: 'text',
    image,
    other: isRunning ? vmcb.image : image,
    canEdit,
    notice: !canEdit
      ? text.cannotBeChangedHere(name)
      : isRunning
        ? text.editsChangeTextAndRun(name)
        : text.editsChangeText(name),
    lines: (field) => assignments.filter(({ fields }) => fields.includes(field)),
    type(field, typed) {
      const number = readShown(typed)
      const current = valueOf(image, field)
      if (number !== undefined)
        return outOfRange(field, number) ?? apply(setField(content, field, number, current))
      const edited = setExpression(content, field, typed.trim())
      const problems = parseVmcbText(name, edited, symbols).diagnostics
      if (problems.length > diagnostics.length) return problems.at(-1)!.message
      store.edit(name, edited)
      return undefined
    },
    setBits: (field, bit, value) => apply(setBits(content, field, bit, value, valueOf(image, field))),
  }
}

export function memoryTarget(store: LabStore, view: RunView, vmcb: VmcbImages): Target {
  const { name, address, image, initial } = vmcb
  const isOver = view.ending !== undefined
  const canEdit = store.canTravel.value && !isOver
  const write = (field: VmcbField, value: bigint): void => {
    const bytes = Uint8Array.from({ length: field.bytes }, (_, n) => Number((value >> BigInt(8 * n)) & 0xffn))
    const label = text.fieldOf(field.name, name)
    void store.change({ kind: 'memory', address: address + field.offset, bytes, label })
  }
  return {
    source: 'memory',
    image,
    other: initial,
    canEdit,
    notice: canEdit
      ? text.editsChangeMemory(view.instructions, hex(address))
      : isOver
        ? text.runIsOverForMemory
        : store.isStale.value
          ? text.memoryOfEarlierText
          : text.memoryChangesWhenPaused,
    lines: () => [],
    type(field, typed) {
      const number = readShown(typed) ?? store.symbols.value.get(typed.trim())
      if (number === undefined) return text.notNumberOrSymbol(typed.trim())
      const problem = outOfRange(field, number)
      if (problem === undefined) write(field, number)
      return problem
    },
    setBits(field, bit, value) {
      const mask = ((1n << BigInt(bit.width)) - 1n) << BigInt(bit.low)
      write(field, (valueOf(image, field) & ~mask) | (value << BigInt(bit.low)))
      return undefined
    },
  }
}

function outOfRange({ name, bytes }: VmcbField, value: bigint): string | undefined {
  const bits = bytes * 8
  if (BigInt.asUintN(bits, value) === value) return undefined
  return text.largestValue(name, bits, `0x${((1n << BigInt(bits)) - 1n).toString(16)}`)
}
