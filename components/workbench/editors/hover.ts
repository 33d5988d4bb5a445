/** What is said about a word under the pointer, as paragraphs of Markdown. */
import { tokenize } from '../../../emulator/isa/assembler/index.ts'
import { summarizeMnemonics } from '../../../emulator/isa/index.ts'
import { findBits, readField, type BitField, type VmcbField } from '../../../emulator/svm/index.ts'
import { fieldPath, instructionPath } from '../../paths.ts'
import * as text from '../../strings.ts'
import { dissectFields } from '../dissection.ts'
import { hex, hexWide } from '../format.ts'
import type { LabStore } from '../store.ts'

type Source = Pick<LabStore, 'symbols' | 'view' | 'activeFile'>

const SUMMARIES = new Map(summarizeMnemonics().map((summary) => [summary.mnemonic, summary]))

/** A link to the reference; the editor opens absolute addresses only. */
function reference(path: string): string {
  const address = typeof location === 'undefined' ? path : new URL(path, location.href).href
  return `[${text.reference}](${address})`
}

/** A number in the three bases. */
function describeNumber(word: string): string[] | undefined {
  const [token] = tokenize(word)
  if (token?.kind !== 'number') return undefined
  return [`\`${hex(token.value)}\` = ${token.value} = \`${token.value.toString(2)}b\``]
}

function describeSymbol(word: string, { symbols }: Source): string[] | undefined {
  const value = symbols.value.get(word)
  return value === undefined ? undefined : [`**${word}** = \`${hex(value)}\``]
}

function describeRegister(word: string, { view }: Source): string[] | undefined {
  const cpu = view.value?.cpu
  if (cpu === undefined) return undefined
  const values: Readonly<Record<string, bigint>> = { ...cpu.general, ...cpu.system, rip: cpu.rip }
  const value = values[word.toLowerCase()]
  return value === undefined ? undefined : [`**${word.toUpperCase()}** = \`${hexWide(value, 8)}\``]
}

export function hoverAssembly(word: string, _line: string, source: Source): string[] | undefined {
  const summary = SUMMARIES.get(word.toLowerCase())
  if (summary !== undefined) {
    const { mnemonic, title, section, entry, group, forms } = summary
    return [
      `**${mnemonic.toUpperCase()}**: ${title}`,
      forms.map((form) => `\`${form}\``).join('  \n'),
      `${section}. ${reference(instructionPath(group, entry))}`,
    ]
  }
  return describeNumber(word) ?? describeSymbol(word, source) ?? describeRegister(word, source)
}

/** The value of a field in the memory of the VMCB whose text is open. */
function valueOf(field: VmcbField, { view, activeFile }: Source): bigint | undefined {
  const vmcb = view.value?.vmcbs.find(({ name }) => name === activeFile.value)
  if (vmcb === undefined || field.bytes > 8) return undefined
  return readField(new DataView(vmcb.image.buffer, vmcb.image.byteOffset), field)
}

function describeField(field: VmcbField, bit: BitField | undefined, source: Source): string[] {
  const paragraphs = [
    `${text.fieldAtOffset(`**${field.name}**`, hex(field.offset), field.bytes)}  \n${field.description}.  \n${field.section}. ${reference(fieldPath(field))}`,
  ]
  if (bit !== undefined) {
    const values = [...(bit.values ?? [])].map(([value, name]) => `${value} ${name}`).join(', ')
    const bits =
      bit.width === 1 ? text.bitNumber(bit.low) : text.bitRange(`${bit.low + bit.width - 1}:${bit.low}`)
    paragraphs.push(`**${bit.name}**, ${bits}: ${bit.description}${values === '' ? '' : `  \n${values}`}`)
  }
  const value = valueOf(field, source)
  if (value !== undefined) {
    const rows = dissectFields(value, field.bytes, field.bits).map(
      ({ bits, name, value: own, valueName }) =>
        `${bits} ${name} = ${hex(own)}${valueName === '' ? '' : ` ${valueName}`}`,
    )
    paragraphs.push([text.inMemoryNow(`\`${hexWide(value, field.bytes)}\``), ...rows].join('  \n'))
  }
  return paragraphs
}

/** A word is the name of a field, or one of the values after the equals sign. */
export function hoverVmcb(word: string, line: string, source: Source): string[] | undefined {
  const named = findBits(word.toLowerCase())
  if (named !== undefined) return describeField(named.field, named.bit, source)
  const target = findBits(/^\s*([^=\s]+)\s*=/.exec(line)?.[1]?.toLowerCase() ?? '')
  const bit = target?.field.bits?.bits.find(({ key }) => key === word.toLowerCase())
  if (target !== undefined && bit !== undefined) return describeField(target.field, bit, source)
  return describeNumber(word) ?? describeSymbol(word, source)
}
