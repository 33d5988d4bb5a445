// The one-way arrows of docs/architecture.md as a lint rule: which folder may import from which.
import { posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Per folder, what its files may import besides their own folder: a folder stands for everything in it.
 * A file below several of these folders belongs to the longest. Folders without an entry are free.
 * @type {Record<string, string[]>}
 */
export const MAY_IMPORT = {
  'emulator/isa': [],
  'emulator/state': ['emulator/isa/registers.ts', 'emulator/isa/instruction.ts'],
  'emulator/paging': ['emulator/state', 'emulator/isa'],
  'emulator/caches': ['emulator/state', 'emulator/isa', 'emulator/paging'],
  'emulator/system': ['emulator/state', 'emulator/isa', 'emulator/paging'],
  'emulator/svm': ['emulator/state', 'emulator/isa', 'emulator/paging', 'emulator/system'],
  'emulator/semantics': ['emulator/state', 'emulator/isa', 'emulator/system'],
  'emulator/engine': [
    'emulator/state',
    'emulator/isa',
    'emulator/paging',
    'emulator/system',
    'emulator/semantics',
  ],
  'emulator/machine': [
    'emulator/state',
    'emulator/isa',
    'emulator/paging',
    'emulator/caches',
    'emulator/system',
    'emulator/svm',
    'emulator/semantics',
    'emulator/engine',
  ],
  'emulator/yaml': ['emulator/isa/index.ts'],
  'emulator/hypervisor': [
    'emulator/machine/index.ts',
    'emulator/svm/index.ts',
    'emulator/isa/index.ts',
    'emulator/yaml',
  ],
  'emulator/lab': [
    'emulator/machine/index.ts',
    'emulator/isa/index.ts',
    'emulator/svm/index.ts',
    'emulator/hypervisor/index.ts',
    'emulator/yaml',
  ],
  'emulator/cli': [
    'emulator/lab/index.ts',
    'emulator/hypervisor/index.ts',
    'emulator/machine/index.ts',
    'emulator/isa/index.ts',
    'emulator/svm/index.ts',
  ],
  fuzz: ['emulator/machine/index.ts', 'emulator/isa/index.ts', 'emulator/svm/index.ts'],
  components: [
    'emulator/isa/index.ts',
    'emulator/isa/assembler/index.ts',
    'emulator/svm/index.ts',
    'emulator/machine/index.ts',
    'emulator/hypervisor/index.ts',
    'emulator/lab/index.ts',
    'content',
  ],
  src: [
    'components',
    'emulator/isa/index.ts',
    'emulator/svm/index.ts',
    'emulator/machine/index.ts',
    'emulator/hypervisor/index.ts',
    'emulator/lab/index.ts',
    'content',
    'docs/quirks.md',
  ],
}

/** Packages that draw pages; the emulator runs without any of them. */
const PAGE_PACKAGES = /^(astro|preact|@preact|monaco-editor|comlink|idb)(:|\/|$)/

/** Whether `path` is `place` or lies in it. */
function isIn(/** @type {string} */ path, /** @type {string} */ place) {
  return path === place || path.startsWith(`${place}/`)
}

/** The entry of MAY_IMPORT that a file belongs to. */
function folderOf(/** @type {string} */ file) {
  return Object.keys(MAY_IMPORT)
    .filter((folder) => isIn(file, folder))
    .sort((a, b) => b.length - a.length)[0]
}

/**
 * Why `file` may not import `specifier`, or undefined where it may.
 * @param {string} file path from the project's root, with forward slashes
 * @param {string} specifier as written in the import
 */
export function objection(file, specifier) {
  const folder = folderOf(file)
  if (folder === undefined) return undefined
  if (!specifier.startsWith('.') && !specifier.startsWith('/')) {
    if (!isIn(file, 'emulator') || !PAGE_PACKAGES.test(specifier)) return undefined
    return `${folder} draws nothing and may not import ${specifier}`
  }
  const path = specifier.replace(/\?.*$/, '')
  const target = path.startsWith('/') ? path.slice(1) : posix.join(posix.dirname(file), path)
  if (isIn(target, folder)) return undefined
  const allowed = MAY_IMPORT[folder] ?? []
  if (allowed.some((place) => isIn(target, place))) return undefined
  return `${folder} may not import ${target}; it may import ${allowed.join(', ') || 'nothing outside itself'}`
}

/** @type {import('eslint').Rule.RuleModule} */
export const boundaries = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const file = relative(root, context.filename).split(sep).join('/')
    /** @param {any} node a node with a `source` */
    const check = (node) => {
      const specifier = node.source?.value
      if (typeof specifier !== 'string') return
      const message = objection(file, specifier)
      if (message !== undefined) context.report({ node: node.source, message })
    }
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    }
  },
}
