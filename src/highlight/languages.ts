// Highlighting of the book's listings: NASM assembly, the .vmcb language, and the colours, which are the
// --code-* tokens of src/styles/tokens.css, so that one listing serves both themes.
import type { LanguageRegistration, ThemeRegistration } from 'shiki'

const COMMENT = { match: ';.*$', name: 'comment.line.semicolon' }
const STRING = { match: `"[^"]*"|'[^']*'|\`[^\`]*\``, name: 'string.quoted' }
const NUMBER = {
  match: '(?<![\\w.])(0[xh][\\da-f_]+|0[by][01_]+|\\d[\\da-f_]*h|[01][01_]*b|\\d[\\d_]*)(?![\\w.])',
  name: 'constant.numeric',
}
const REGISTER = {
  match:
    '\\b(?:[re]?(?:[abcd]x|[sd]i|[sb]p|ip|flags)|[abcd][lh]|(?:[sd]i|[sb]p)l|r(?:[89]|1[0-5])[dwb]?|[c-gs]s|[cdt]r\\d{1,2}|[xyz]?mm\\d{1,2}|st[0-7]|gdtr|idtr|ldtr)\\b',
  name: 'variable.language.register',
}
const NAME = '[A-Za-z_.?$][\\w.$?@#~]*'
const DATA = '(?:equ|d[bwdqt]|res[bwdqt]|incbin)'

/** NASM's syntax, as the book's assembler accepts it. */
export const nasm: LanguageRegistration = {
  name: 'nasm',
  displayName: 'NASM assembly',
  aliases: ['asm'],
  scopeName: 'source.nasm',
  repository: {},
  patterns: [
    COMMENT,
    STRING,
    { match: `^\\s*(?:%%)?${NAME}(?=:|\\s+(?i:${DATA})\\b)`, name: 'entity.name.label' },
    { match: '%(?:%\\w+|[\\w+-]+)', name: 'storage.preprocessor' },
    {
      match: `(?i)\\b(?:${DATA}|bits|org|use16|use32|use64|section|segment|global|extern|align|alignb|default|times|struc|endstruc|istruc|at|iend)\\b`,
      name: 'storage.directive',
    },
    {
      match: '(?i)\\b(?:byte|word|dword|qword|tword|oword|ptr|short|near|far|rel|abs|strict)\\b',
      name: 'storage.size',
    },
    { ...REGISTER, match: `(?i)${REGISTER.match}` },
    { ...NUMBER, match: `(?i)${NUMBER.match}` },
    {
      match: `(?i)(?:^|(?<=:)|(?<=\\b(?:lock|rep)\\s)|(?<=\\brep(?:ne|nz|e|z)\\s))\\s*[a-z][a-z0-9]*\\b`,
      name: 'keyword.mnemonic',
    },
  ],
}

/** The .vmcb language: `save.g_pat = 0x0007040600070406 ; comment`. */
export const vmcb: LanguageRegistration = {
  name: 'vmcb',
  displayName: 'VMCB',
  scopeName: 'source.vmcb',
  repository: {},
  patterns: [
    COMMENT,
    { match: `^\\s*${NAME}(?:\\[[^\\]]*\\])?(?=\\s*=)`, name: 'entity.name.field' },
    { ...NUMBER, match: `(?i)${NUMBER.match}` },
    { match: '\\b[a-z_][\\w.]*\\b', name: 'keyword.flag' },
  ],
}

/** Scopes of every language, ours and Shiki's, by the token of tokens.css that colours them. */
const COLOURS: [token: string, scopes: string[]][] = [
  ['--code-comment', ['comment']],
  ['--code-string', ['string']],
  ['--code-number', ['constant']],
  ['--code-keyword', ['keyword']],
  ['--code-directive', ['storage', 'keyword.control', 'support']],
  ['--code-register', ['variable.language']],
  ['--code-label', ['entity.name']],
  ['--ink', ['keyword.operator']],
]

export const bookTheme: ThemeRegistration = {
  name: 'book',
  type: 'light',
  fg: 'var(--ink)',
  bg: 'var(--code-background)',
  settings: COLOURS.map(([token, scope]) => ({ scope, settings: { foreground: `var(${token})` } })),
}
