/** The playground: a project, the workbench that runs it, and what a reader can do with both. It knows no DOM. */
import { batch, computed, signal } from '@preact/signals'
import type { Image } from '../../emulator/lab/index.ts'
import type { Claim } from '../reader/claim.ts'
import type { Texts } from '../reader/records.ts'
import { memoryStore, type ReaderStore } from '../reader/store.ts'
import { PLAYGROUND } from '../paths.ts'
import * as text from '../strings.ts'
import type { Client } from '../workbench/client.ts'
import type { Settings } from '../workbench/settings.ts'
import { LabStore } from '../workbench/store.ts'
import { Work } from '../workbench/work.ts'
import { readMachineFile, writeMachineFile } from './machine-file.ts'
import { openFile, type FileLike } from './open-file.ts'
import {
  IMAGE_OPTIONS,
  isSymbol,
  MOST_FILES,
  nameProblem,
  parseProject,
  payloadOf,
  programOf,
  symbolFor,
  type Options,
  type Project,
  type ProjectFile,
  type Template,
} from './project.ts'

export interface PlaygroundOptions {
  readonly templates: readonly Template[]
  readonly connect: () => Client
  readonly storage: () => Promise<ReaderStore>
  readonly settings: Settings
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly claim: Claim
  /** Called when something has been saved that is to stay. */
  readonly onSaved?: () => void
}

/** What became of the reader's last wish. */
export interface Message {
  readonly text: string
  readonly isProblem: boolean
}

/** A project that another one has taken the place of. */
export interface EarlierProject {
  /** For bringBack(). */
  readonly version: number
  /** Milliseconds since 1970. */
  readonly savedAt: number
  readonly files: readonly ProjectFile[]
}

/** The reader's project in the store, as one text. An image is no part of it: images are the reader's own files. */
const RECORD = 'project.json'
/** Milliseconds after the last change until the project is kept. */
const SAVE_DELAY = 500

export class Playground {
  readonly templates: readonly Template[]
  readonly project = signal<Project | undefined>(undefined)
  /** The workbench; another one each time that the machine is made anew. */
  readonly bench = signal<LabStore | undefined>(undefined)
  readonly message = signal<Message>({ text: '', isProblem: false })
  /** Keeps the project as it keeps the text of a lab. */
  readonly work: Work
  /** What stood before a template, a file or a machine took its place, the newest first. */
  readonly earlier = computed(() =>
    this.work.versions.value.flatMap(({ texts, savedAt }, version): EarlierProject[] => {
      const project = readRecord(texts)
      return project === undefined ? [] : [{ version, savedAt, files: project.files }]
    }),
  )
  readonly #options: PlaygroundOptions
  #timer: ReturnType<typeof setTimeout> | undefined
  #stopFollowing: () => void = () => undefined

  constructor(options: PlaygroundOptions) {
    this.#options = options
    this.templates = options.templates
    this.work = new Work({ ...options, key: PLAYGROUND, fresh: false })
  }

  /** Begins with the project of the last visit, else with the first template. */
  async open(): Promise<void> {
    const [first] = this.templates
    const start = { [RECORD]: writeRecord(first) }
    const lab = { files: [{ name: RECORD, editable: true, symbol: undefined }] }
    await this.work.open({ start, lab }, await this.#options.storage())
    const project = readRecord(this.work.texts.value)
    if (project !== undefined) {
      await this.#make(project)
      return
    }
    await this.#replace(first)
    this.#say(text.savedProjectUnreadable, true)
  }

  /** Makes a machine for a project and builds its texts. */
  async #make(project: Project): Promise<LabStore> {
    this.close()
    const { connect, settings, now } = this.#options
    const bench = new LabStore({
      payload: payloadOf(project),
      connect,
      // The playground keeps the texts itself, with what the machine is like.
      storage: () => Promise.resolve({ ...memoryStore(), isLasting: true }),
      fresh: false,
      now,
      settings,
      claim: () => () => undefined,
    })
    batch(() => {
      this.project.value = { options: project.options, files: project.files, image: project.image }
      this.bench.value = bench
    })
    this.#stopFollowing = bench.work.texts.subscribe(() => this.#scheduleSave())
    await bench.open()
    return bench
  }

  /** The project with the texts as they stand in the editors. */
  current(): Project | undefined {
    const project = this.project.value
    const texts = this.bench.value?.work.texts.value ?? {}
    return (
      project && {
        ...project,
        files: project.files.map((file) => ({ ...file, text: texts[file.name] ?? file.text })),
      }
    )
  }

  /** Changes the project; the machine is made anew. */
  async #change(change: (project: Project) => Project): Promise<void> {
    const project = this.current()
    if (project !== undefined) await this.#make(change(project))
  }

  /** Another project in the place of this one, which can be brought back. */
  async #replace(project: Project): Promise<LabStore> {
    this.#note()
    if (project.image === undefined) this.work.replace(RECORD, writeRecord(project))
    return this.#make(project)
  }

  /** Has the work know of what was typed. */
  #note(): void {
    const project = this.current()
    if (project !== undefined && project.image === undefined) this.work.edit(RECORD, writeRecord(project))
  }

  #say(text: string, isProblem = false): void {
    this.message.value = { text, isProblem }
  }

  async choose(id: string): Promise<void> {
    const template = this.templates.find((one) => one.id === id)
    if (template === undefined) return
    await this.#replace(template)
    this.#say(template.about)
  }

  /** Brings back what stood before, the newest if not said otherwise; what stands now is put aside in turn. */
  async bringBack(version = this.earlier.value[0]?.version): Promise<void> {
    if (version === undefined) return
    this.#note()
    this.work.restore(version)
    const project = readRecord(this.work.texts.value)
    if (project === undefined) return
    await this.#make(project)
    this.#say(text.earlierIsBack)
  }

  async setOptions(options: Partial<Options>): Promise<void> {
    await this.#change((project) => ({ ...project, options: { ...project.options, ...options } }))
    this.#say(text.machineIsAnother)
  }

  /** False where there cannot be such a file. */
  async addFile(name: string): Promise<boolean> {
    const files = this.project.value?.files ?? []
    const problem = files.length >= MOST_FILES ? text.manyFilesAlready(MOST_FILES) : nameProblem(name, files)
    if (problem !== undefined) {
      this.#say(text.cannotBeAdded(name === '' ? text.aFile : name, problem), true)
      return false
    }
    await this.#change((project) => ({
      ...project,
      files: [...project.files, { name, text: '', symbol: symbolFor(name) }],
    }))
    this.#say(text.fileIsThere(name))
    return true
  }

  /** Returns why a file cannot have that name. */
  renameFile(from: string, to: string): string | undefined {
    const others = (this.project.value?.files ?? []).filter(({ name }) => name !== from)
    const problem = nameProblem(to, others)
    if (problem !== undefined) return text.cannotBeNamed(from, to, problem)
    void this.#changeFile(from, { name: to })
    return undefined
  }

  /** Returns why a VMCB cannot be placed there. */
  setSymbol(name: string, symbol: string): string | undefined {
    if (!isSymbol(symbol)) return text.cannotBePlaced(name, symbol)
    void this.#changeFile(name, { symbol })
    return undefined
  }

  #changeFile(name: string, change: Partial<ProjectFile>): Promise<void> {
    return this.#changeFiles((files) =>
      files.map((file) => (file.name === name ? { ...file, ...change } : file)),
    )
  }

  async removeFile(name: string): Promise<void> {
    await this.#changeFiles((files) => files.filter((file) => file.name !== name))
  }

  /** Changes files; what stood is put aside. A project has a program. */
  async #changeFiles(change: (files: readonly ProjectFile[]) => readonly ProjectFile[]): Promise<void> {
    const project = this.current()
    if (project === undefined) return
    const files = change(project.files)
    if (programOf(files) === undefined) {
      this.#say(text.programNeeded, true)
      return
    }
    await this.#replace({ ...project, files })
    this.#say(text.filesHaveChanged)
  }

  /** Files from disk: a program, an image or a saved machine takes the project's place; other texts are added to it. */
  async openFiles(files: readonly FileLike[]): Promise<void> {
    const texts: ProjectFile[] = []
    for (const file of files.slice(0, MOST_FILES)) {
      this.#say(text.fileIsBeingOpened(file.name))
      const opened = await openFile(file)
      switch (opened.kind) {
        case 'refused':
          this.#say(text.fileNotOpened(file.name, opened.message), true)
          return
        case 'image':
          return this.#run(opened.image)
        case 'machine':
          return this.#load(file.name, opened.bytes)
        case 'text':
          texts.push({ name: opened.name, text: opened.text, symbol: symbolFor(opened.name) })
      }
    }
    if (texts.length > 0) await this.#addTexts(texts)
  }

  async #addTexts(texts: readonly ProjectFile[]): Promise<void> {
    const project = this.current()
    if (project === undefined) return
    const others = project.files.filter(({ name }) => texts.every((added) => added.name !== name))
    // A program of one's own does not fit the VMCBs of another one; texts without a program are for the one that is there.
    const files = programOf(texts) === undefined ? [...others, ...texts] : texts
    if (files.length > MOST_FILES || programOf(files) === undefined) {
      this.#say(text.tooManyFiles(MOST_FILES), true)
      return
    }
    await this.#replace({ ...project, files, image: undefined })
    this.#say(text.filesOpened(texts.map(({ name }) => name).join(', ')))
  }

  async #run(image: Image): Promise<void> {
    const project = this.current()
    if (project === undefined) return
    // An image after another one finds the machine as the reader has set it up.
    const options = project.image === undefined ? IMAGE_OPTIONS : project.options
    const bench = await this.#replace({ ...project, options, image })
    this.#tellOfImage(bench, image)
  }

  #tellOfImage(bench: LabStore, image: Image): void {
    const [error] = bench.errors.value
    if (error !== undefined) this.#say(text.imageNotStarted(image.name, error.message), true)
    else this.#say(text.imageInMemory(image.name))
  }

  /** Another command line, or another address, for the image. */
  async setImage(change: { readonly commandLine: string } | { readonly address: number }): Promise<void> {
    const image = this.project.value?.image
    if (image === undefined) return
    const changed = { ...image, ...change }
    await this.#change((project) => ({ ...project, image: changed }))
    if (this.bench.value !== undefined) this.#tellOfImage(this.bench.value, changed)
  }

  /** Back from the image to the texts, and to the machine that they had. */
  async closeImage(): Promise<void> {
    const project = readRecord(this.work.texts.value)
    if (project === undefined) return
    await this.#make(project)
    this.#say(text.textsAreBack)
  }

  /** The machine as a file; undefined where there is none that holds the texts as they stand. */
  async save(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const project = this.current()
    this.#say(text.machineIsBeingSaved)
    const state = await this.bench.value?.saveState()
    if (project === undefined || state === undefined) {
      this.#say(text.noMachineToSave, true)
      return undefined
    }
    try {
      const file = await writeMachineFile({ project, state })
      this.#say(text.machineIsSaved)
      return file
    } catch (error) {
      this.#say(text.machineNotSaved(error instanceof Error ? error.message : String(error)), true)
      return undefined
    }
  }

  async #load(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const file = await readMachineFile(bytes)
    if (!file.ok) {
      this.#say(text.fileNotOpened(name, file.message), true)
      return
    }
    const bench = await this.#replace(file.saved.project)
    const problem = await bench.restoreState(file.saved.state)
    if (problem === undefined) this.#say(text.machineIsOpen(name))
    else this.#say(text.stateNotLoaded(name, problem), true)
  }

  #scheduleSave(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.keep(), SAVE_DELAY)
  }

  /** Keeps the texts and what the machine is like for the next visit. Never fails: they are on the page in any case. */
  async keep(isLeft = false): Promise<void> {
    clearTimeout(this.#timer)
    this.#note()
    await this.work.save(isLeft)
  }

  /** Ends the machine. */
  close(): void {
    this.#stopFollowing()
    this.bench.value?.dispose()
  }
}

function writeRecord({ options, files }: Project): string {
  return JSON.stringify({ options, files })
}

function readRecord({ [RECORD]: json = '' }: Texts): Project | undefined {
  try {
    return parseProject(JSON.parse(json))
  } catch {
    return undefined
  }
}
