/**
 * What the interface says: every sentence, label, title and message that a reader sees, in one place to be read and translated. Each
 * is a plain string or a small function of the values in it, so that the bundler takes into a page only what that page shows.
 */

// Figures, playground, reader, search

// Search

export const searchTitle = 'Search'
export const searchTheBook = 'Search the book'
export const searchExamples = 'g_pat, VMEXIT_NPF, 668h, clean bits'
export const showMore = 'Show more'
export const searching = 'Searching …'
export const searchFailed = 'The search could not be loaded. Reload the page to try again.'
export const pagesFound = (pages: number, query: string) =>
  `${pages === 0 ? 'No page' : pages === 1 ? 'One page' : `${pages} pages`} for “${query}”`
export const closeSearch = 'Close the search'
export const close = 'Close'

// The reader's progress

export const readingRecords = 'Reading what is kept …'
export const storageRefused = 'This browser refuses storage: work lasts as long as the page it is on.'
export const labs = 'Labs'
export const labsDone = (done: number, labs: number) => `${done} of ${labs} done.`
export const quizzes = 'Quizzes'
export const questionsRight = (right: number, questions: number) =>
  `${right} of ${questions} answered right at the first try.`
export const workAsFile = 'Your work as a file'
export const aboutWorkAsFile =
  'Texts, attempts and answers are in this browser and nowhere else. A file carries them to another one, where they are put together with what is there.'
export const lab = 'Lab'
export const state = 'State'
export const attempts = 'Attempts'
export const lastAttempt = 'Last'
export const inEarlierVersion = ', in an earlier version of the lab'
export const chapter = 'Chapter'
export const answered = 'Answered'
export const answeredOf = (answered: number, questions: number) => `${answered} of ${questions}`
export const rightAtFirstTry = 'Right at the first try'
export const labNotBegun = 'not begun'
export const labDone = 'done'
export const goalsMet = (met: number, goals: number) => `${met} of ${goals} goals`
export const workUnreadable = (file: string, why: string) =>
  `${file} could not be read: ${why}. Nothing has changed.`
export const workAdded = (file: string) => `${file} has been added.`
export const workLeftOut = (parts: number) => ` Parts of it that are not in order were left out: ${parts}.`
export const noRoomForWork = 'The browser has no room for all of it. What there was is still there.'
export const everythingForgotten = 'Everything is forgotten.'
export const saveAsFile = 'Save as a file'
export const addFileOfWork = 'Add a file …'
export const fileOfWork = 'A file of work'
export const askToForgetEverything = 'Forget everything …'
export const forgetWarning =
  'All texts, attempts and answers in this browser will be gone, and there is no way back.'
export const forgetEverything = 'Forget everything'
export const keepIt = 'Keep it'
export const fileTooLarge = 'the file is too large'
export const notJson = 'it is not JSON'
export const notFileOfWork = 'it is not a file of work in this book'
export const otherFormat = (found: string, read: number) =>
  `its format is ${found}, and this version of the book reads ${read}`

// Playground: the machine, its files, and what is opened and saved

export const machineAndFiles = 'Machine and files'
export const beginWith = 'Begin with'
export const aTemplate = 'a template …'
export const openFiles = 'Open files …'
export const filesToOpen = 'Assembly, a flat binary, a multiboot kernel, or a saved machine'
export const saveMachine = 'Save the machine'
export const bringBack = 'Bring back what was here'
export const dropHint = 'Files can be dropped here, too: assembly, flat binaries, multiboot kernels.'
export const workbench = 'Workbench'
export const machine = 'Machine'
export const memory = 'Memory'
export const mebibytes = (size: number) => `${size} MiB`
export const processors = 'Processors'
export const beginsIn = 'Begins in'
export const realMode = 'real mode'
export const usesStateCache = 'VMRUN uses the state cache'
export const neverUsesCache = 'never'
export const alwaysUsesCache = 'always'
export const usesCacheAtRandom = 'at random'
export const instructionsAtMost = 'Instructions at most'
export const seed = 'Seed'
export const noCachesWithL0 = 'A machine with l0.yaml has no caches'
export const cachesAndBus = 'Caches, bus, framebuffer'
export const commandLine = 'Command line'
export const address = 'Address'
export const backToTexts = 'Back to the texts'
export const files = 'Files'
export const nameOfFile = (file: string) => `Name of ${file}`
export const theProgram = 'the program'
export const whatL0Decides = 'what L0 decides'
export const placedAt = 'at'
export const symbolOfFile = (file: string) => `Symbol at which ${file} is placed`
export const remove = 'Remove'
export const removeFile = (file: string) => `Remove ${file}`
export const nameOfNewFile = 'Name of a new file'
export const addFile = 'Add a file'

// Playground: what became of the reader's last wish, and why

export const earlierIsBack = 'What was there before is back.'
export const machineIsAnother = 'The machine is another one, at its start. The texts are as they were.'
export const manyFilesAlready = (files: number) => `there are ${files} files already`
export const aFile = 'A file'
export const cannotBeAdded = (file: string, why: string) => `${file} cannot be added: ${why}.`
export const fileIsThere = (file: string) => `${file} is there.`
export const cannotBeNamed = (file: string, name: string, why: string) =>
  `${file} cannot be named ${name}: ${why}.`
export const cannotBePlaced = (file: string, symbol: string) =>
  `${file} cannot be placed at ${symbol}: that is no symbol.`
export const programNeeded =
  'Nothing has changed: one file has to be a program, with a name that ends in .asm.'
export const filesHaveChanged = 'The files have changed.'
export const fileIsBeingOpened = (file: string) => `${file} is being opened …`
export const fileNotOpened = (file: string, why: string) => `${file} could not be opened: ${why}.`
export const tooManyFiles = (most: number) =>
  `Nothing has changed: there can be ${most} files, and one of them has to be a program.`
export const filesOpened = (files: string) => `Opened: ${files}.`
export const imageNotStarted = (image: string, why: string) => `${image} cannot be started: ${why}.`
export const imageInMemory = (image: string) => `${image} is in memory. Run starts it.`
export const textsAreBack = 'The texts are back.'
export const noMachineToSave =
  'There is no machine to save: it has to be at rest, with the texts as they stand. Press Reset.'
export const machineIsSaved = 'The machine is saved.'
export const machineNotSaved = (why: string) => `The machine cannot be saved: ${why}.`
export const machineIsOpen = (file: string) => `${file} is open: the machine is where it was saved.`
export const stateNotLoaded = (file: string, why: string) =>
  `${file}: the machine is at its start, for its state could not be loaded: ${why}.`
export const badFileName =
  'a name ends in .asm, .inc or .vmcb, or is l0.yaml; before the dot are letters, digits, _ or -'
export const includeFileExists = 'svm.inc is there already: it comes with the assembler'
export const nameTaken = (name: string) => `there is a ${name} already`
export const fileIsEmpty = 'it is empty'
export const fileTooLargeToOpen = (size: number, most: number) =>
  `it has ${size} MB; the largest that can be opened has ${most}`
export const fileUnreadable = 'the browser cannot read it'
export const imageTooLarge = (size: number, most: number) =>
  `it has ${size} MB; the largest image has ${most}`
export const textTooLong = (most: number) => `it is longer than ${most} MB`
export const badName = (why: string) => `its name will not do: ${why}`
export const notUtf8 = 'it is not a text in UTF-8'
export const tooMuchMemoryInUse = (most: number) => `more than ${most} MB of its memory are in use`
export const notSavedMachine = 'it is not a machine that was saved here'
export const machineTooLarge = 'it is too large'
export const machineDamaged = 'it is damaged'
export const noMachineDescribed = 'it does not describe a machine'
export const imageDamaged = 'its image is damaged'

// Every figure

export const asTable = 'As a table'
export const figureAsTable = (figure: string) => `${figure}, as a table`

// The figure of a TLB

export const tlbOf = (processor: number) => `TLB of processor ${processor}`
export const tlbSummary = (entries: string, added: number, removed: number) =>
  `${entries}; the last instruction added ${added} and removed ${removed}.`
export const allAsids = 'all'
export const addressContains = 'Address contains'
export const tlbLegend =
  'R, W, X: reads, stores, fetches. U: CPL 3 too. D: stores need no walk. An entry shows where its memory type comes from.'
export const noEntries = 'No entries.'
export const globalEntry = 'global'
export const newEntry = 'new'

// The figure of the state cache

export const readByVmrunOf = (vmcb: string) => `What VMRUN of ${vmcb} would read`
export const staleGroups = (groups: string) =>
  `${groups} changed in memory behind a clean bit of 1: VMRUN may load the old values.`
export const memoryIsUsed = 'memory is used'
export const copyIsUsed = 'the copy is used'
export const eitherMayBeUsed = 'either may be used'
export const policyLazy =
  'This processor keeps no copies: VMRUN reads everything from memory, whatever the clean bits say.'
export const policyAggressive = 'This processor uses its copy wherever the clean bits allow it.'
export const policyRandom =
  'Where the clean bits allow a copy, chance decides whether this processor uses it.'
export const keepsNoCopies = 'The processor keeps no copies.'
export const copiesOfAnother =
  'The copies are not of this VMCB: the tag is another address, or there is none.'
export const noCopyOfGroup = 'The processor has no copy of this group.'
export const bitIsZero = 'The clean bit is 0: software says that it changed something.'
export const chanceDecides = 'The clean bit is 1: both are legal, and chance decides at the VMRUN.'
export const bitIsOneWithCopy = 'The clean bit is 1, and the processor has a copy.'
