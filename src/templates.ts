// What the playground can begin with: the folders of content/templates, and what each machine is like.
import type { Template } from '../components/playground/project.ts'
import { DEFAULT_OPTIONS } from '../components/playground/project.ts'

const texts = import.meta.glob<string>('/content/templates/*/*', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/** The symbol of the program at which the VMCB of a template is placed. */
const VMCB_SYMBOL = 'vmcb'

const KINDS: readonly Omit<Template, 'files'>[] = [
  {
    id: 'smallest-hypervisor',
    title: 'Hypervisor: one guest, VMMCALL',
    about: 'A hypervisor that enters a guest and answers its VMMCALLs.',
    options: DEFAULT_OPTIONS,
  },
  {
    id: 'nested-paging',
    title: 'Hypervisor: nested paging',
    about: 'Nested page tables, and a #VMEXIT(NPF) that the hypervisor repairs.',
    options: DEFAULT_OPTIONS,
  },
  {
    id: 'under-l0',
    title: 'Hypervisor: L1 under L0',
    about: 'The hypervisor is a guest itself. l0.yaml says what the one below it decides.',
    options: DEFAULT_OPTIONS,
  },
  {
    id: 'long-mode',
    title: 'Program: 64-bit mode, serial port',
    about: 'A program in 64-bit mode that writes to the console.',
    options: DEFAULT_OPTIONS,
  },
  {
    id: 'two-processors',
    title: 'Program: two processors',
    about: 'A second processor is started, and both add to one number.',
    options: { ...DEFAULT_OPTIONS, cpus: 2 },
  },
  {
    id: 'framebuffer',
    title: 'Program: caches and a framebuffer',
    about: 'Write combining into a framebuffer, on a machine with caches and a bus.',
    options: { ...DEFAULT_OPTIONS, caches: true },
  },
  { id: 'empty', title: 'Nothing: HLT', about: 'An empty machine.', options: DEFAULT_OPTIONS },
]

export const TEMPLATES: readonly Template[] = KINDS.map((kind) => {
  const folder = `/content/templates/${kind.id}/`
  const files = Object.entries(texts)
    .filter(([path]) => path.startsWith(folder))
    .map(([path, text]) => ({ name: path.slice(folder.length), text, symbol: VMCB_SYMBOL }))
  // The program first.
  return {
    ...kind,
    files: files.sort((a, b) => Number(b.name === 'main.asm') - Number(a.name === 'main.asm')),
  }
})
