// The spelling of the book: British English with -ize, the names in the emulator's tables, and the words of content/dictionary.txt.
// How a word is added: CONTRIBUTING.md, "Spelling".
import { aliases, table } from './emulator/isa/index.ts'
import { EXIT_CODES, VMCB_FIELDS } from './emulator/svm/index.ts'
import { MSRS } from './emulator/system/msrs.ts'

/** Instructions, exits, VMCB fields and their bits, MSRs: the tables say how each is written. */
const NAMES = [
  ...table.map(({ mnemonic }) => mnemonic),
  ...aliases.keys(),
  ...EXIT_CODES.map(({ name }) => name),
  ...VMCB_FIELDS.flatMap(({ name, bits }) => [name, ...(bits?.bits.map((bit) => bit.name) ?? [])]),
  ...MSRS.map(({ name }) => name),
]

/** Words that British English also writes with -ise; the book does not. */
const STEMS = 'general initial normal optim organ recogn serial special summar synchron virtual'.split(' ')
const WITH_S = STEMS.flatMap((stem) => ['ise', 'ised', 'ises', 'ising', 'isation'].map((end) => stem + end))

export default {
  version: '0.2',
  reporters: ['default', ['@cspell/cspell-json-reporter', { outFile: 'test-results/reports/spelling.json' }]],
  language: 'en-GB',
  files: [
    '*.md',
    '{components,docs,emulator,fuzz}/**/*.md',
    'content/**/*.{asm,md,mdx,vmcb,yaml}',
    'components/strings.ts',
    'src/**/*.astro',
    'src/criteria.ts',
  ],
  dictionaryDefinitions: [{ name: 'book', path: './content/dictionary.txt' }],
  // Without cspell's lists of product names and jargon, which take too much for a word.
  dictionaries: ['book', '!companies', '!filetypes', '!misc', '!softwareTerms'],
  words: [...new Set(NAMES.flatMap((name) => name.match(/[A-Za-z]+/g) ?? []))],
  flagWords: ['behavior', ...WITH_S],
  patterns: [
    { name: 'hexadecimal', pattern: /\b(0x[\da-f_]+|[\da-f][\da-f_]*h)\b/gi },
    { name: 'identifier', pattern: /\b\w+_\w+\b/g },
    { name: 'code block', pattern: /^( *)```[^]*?^\1```/gm },
    { name: 'inline code', pattern: /`[^`\n]+`|<code>[^<]*<\/code>/g },
    { name: 'host', pattern: /\b([\w-]+\.)+(com|dev|edu|net|org)\b/g },
    { name: 'anchor', pattern: /\{#[\w-]+\}/g },
    { name: 'sources', pattern: /\{source="[^"]*"\}/g },
    { name: 'path', pattern: /[\w.-]*\/[\w./-]+|\b[\w-]+\.(asm|inc|md|mjs|ts|vmcb|yaml)\b/g },
    { name: 'assembly comment', pattern: /;.*/g },
    { name: 'key', pattern: /(^[ -]*|[{,] *)[\w.-]+:(?=\s)/gm },
    { name: 'name', pattern: /^[ -]*(id|slug|messageId|chapter|file|from|symbol): .*$/gm },
    { name: 'names', pattern: /\[[\w-]+(, [\w-]+)*\]/g },
    // In a variant's edits: the lines of code that are taken out and put in.
    { name: 'edit', pattern: /\b(replace|with): ("(\\.|[^"])*"|'[^']*'|\|-?\n( {6,}.*\n)+)/g },
  ],
  ignoreRegExpList: ['Urls', 'Email', 'host', 'hexadecimal', 'identifier'],
  overrides: [{ filename: '**/*.{asm,vmcb}', includeRegExpList: ['assembly comment'] }],
  languageSettings: [
    { languageId: 'astro', ignoreRegExpList: ['inline code'] },
    { languageId: 'markdown', ignoreRegExpList: ['code block', 'inline code', 'path'] },
    {
      languageId: 'mdx',
      ignoreRegExpList: ['code block', 'inline code', 'anchor', 'sources', 'path', 'key', 'names'],
    },
    { languageId: 'yaml', ignoreRegExpList: ['inline code', 'path', 'key', 'name', 'names', 'edit'] },
  ],
}
