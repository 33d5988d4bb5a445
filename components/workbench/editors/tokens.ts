/** Which word of a line is what, for highlighting; by the assembler's own lexer and names. */
import {
  directives,
  mnemonics,
  operandKeywords,
  registerNames,
  tokenize,
  type Token,
} from '../../../emulator/isa/assembler/index.ts'

/** Kinds of tokens and the design token that colours each. */
export const TOKEN_COLOURS = {
  comment: '--code-comment',
  string: '--code-string',
  number: '--code-number',
  mnemonic: '--code-keyword',
  directive: '--code-directive',
  register: '--code-register',
  label: '--code-label',
  field: '--code-label',
  flag: '--code-keyword',
  text: '--ink',
  invalid: '--bad',
} as const

export type TokenClass = keyof typeof TOKEN_COLOURS

export interface ClassifiedToken {
  /** 0-based. */
  readonly start: number
  readonly end: number
  readonly class: TokenClass
}

const MNEMONICS: ReadonlySet<string> = new Set(mnemonics)
const REGISTERS: ReadonlySet<string> = new Set(registerNames)
const DIRECTIVES: ReadonlySet<string> = new Set([...directives, ...operandKeywords])

function classOf(token: Token, next: Token | undefined, isFirst: boolean): TokenClass {
  switch (token.kind) {
    case 'comment':
    case 'string':
    case 'number':
    case 'invalid':
      return token.kind
    case 'directive':
    case 'parameter':
      return 'directive'
    case 'local':
      return 'label'
    case 'operator':
      return 'text'
    case 'identifier':
      if (isFirst && next?.text === ':') return 'label'
      if (REGISTERS.has(token.lower)) return 'register'
      if (MNEMONICS.has(token.lower)) return 'mnemonic'
      if (DIRECTIVES.has(token.lower)) return 'directive'
      return isFirst ? 'label' : 'text'
  }
}

/** The tokens of a line of assembly. */
export function classifyAssembly(line: string): ClassifiedToken[] {
  const tokens = tokenize(line)
  return tokens.map((token, index) => ({
    start: token.column - 1,
    end: token.endColumn - 1,
    class: classOf(token, tokens[index + 1], index === 0),
  }))
}

const VMCB_WORD = /;.*$|[A-Za-z_.$][\w.$]*|\d\w*|[=,+-]/g

/** The tokens of a line of a .vmcb text. */
export function classifyVmcb(line: string): ClassifiedToken[] {
  let isValue = false
  return [...line.matchAll(VMCB_WORD)].map(({ 0: word, index }) => {
    const place = { start: index, end: index + word.length }
    if (word[0] === ';') return { ...place, class: 'comment' }
    if (word === '=') isValue = true
    if (/^[=,+-]$/.test(word)) return { ...place, class: 'text' }
    if (/^\d/.test(word)) return { ...place, class: 'number' }
    return { ...place, class: isValue ? 'flag' : 'field' }
  })
}
