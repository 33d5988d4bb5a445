/**
 * What the interface says: every sentence, label, title and message that a reader sees, in one place to be read and translated. Each
 * is a plain string or a small function of the values in it, so that the bundler takes into a page only what that page shows. What a
 * table of the machine says of its rows, such as the checks, the exits, or the gates before an interrupt, stands in that table.
 */
import { count, plural } from './workbench/format.ts'

// Workbench: before it is there

export const labDataUnreadable = (why: string) => `The data of this lab cannot be read: ${why}.`
export const workbenchNotLoaded = (why: string) =>
  `The workbench could not be loaded (${why}). Reload the page to try again.`
export const notAnObject = 'it is not an object'
export const namesNoLab = 'it names no lab'
export const holdsNoLab = 'it holds no lab'
export const holdsNoTexts = 'it holds no texts'
export const isNotAText = (file: string) => `${file} is not a text`
export const workerNotStarted = 'the worker could not be started'
export const workerMessageUnreadable = 'a message of the worker could not be read'

// Workbench: notes above it

export const startingMachine = 'Starting the machine …'
export const machineStoppedWorking = (why: string) =>
  `The machine stopped working: ${why}. Your texts are safe.`
export const restartMachine = 'Restart the machine'
export const dismiss = 'Dismiss'
export const workNotKept = 'This browser refuses storage: your work is kept only until you leave this page.'
export const noRoomForTexts =
  'The browser has no room left to keep your work: new texts, attempts and predictions are gone once you leave this page. Save the texts as a file, below, before you leave it.'
export const openInAnotherTab =
  'This lab is open in another tab, which keeps your work. What you write here is kept once that tab is closed.'
export const restoreMyText = 'Restore my text'
export const startOver = 'Start over'
export const savedWorkOf = (when: string) => `This is your saved work of ${when}.`
export const labHasChanged = (when: string) =>
  `This lab has changed since you worked on it. The texts below are yours of ${when}.`
export const compareWithNewStart = 'Compare with the new start'
export const textsComeFrom = (source: 'link' | 'file') => `These texts come from a ${source}.`
export const textsOfAnotherVersion = (source: 'link' | 'file') =>
  `These texts come from a ${source} that was made with another version of this lab.`
export const yoursAreKept = 'Yours are kept.'
export const compareWithStart = 'Compare with the start'
export const savedWorkUnreadable =
  'Your saved work could not be read and was ignored. The texts are those of the start.'
export const freshStart = 'The address asks for a fresh start: your saved work is kept, but not shown.'
export const textsAreThoseOfStart = 'The texts are those of the start.'
export const shown = 'Shown'
export const start = 'Start'
export const linkNotFollowed = (why: string) => `The link could not be followed: ${why}.`
export const linkTooLong = 'it is too long. Ask for the lab as a file'
export const linkDamaged = 'it is damaged. Ask for it again, or for the lab as a file'
export const endIsMissing =
  'it is damaged; perhaps its end is missing. Ask for it again, or for the lab as a file'
export const notStateOfLab = 'it does not hold the state of a lab. Ask whoever made it to make it again'
export const aboutAnotherLab = (slug: string, path: string) =>
  `it is about the lab "${slug}". Open it on the page ${path}`
export const aboutUnknownLab = (path: string) =>
  `it is about another lab, whose name is not in order. The page ${path} lists the labs`
export const stateTooLarge = (most: number) =>
  `it is too large: the state of a lab has at most ${count(most)} characters. Ask for one with shorter texts`
export const notJson = 'it is not JSON. Choose a file that "Save as file" in a lab has written'
export const notALab = 'it is not a lab of this book. Choose a file that "Save as file" in a lab has written'
export const machineIsGone = 'the machine has stopped working. Restart it, and try again'
export const leadsTooFar = (instructions: number) =>
  `it leads to instruction ${count(instructions)}, farther than a page runs by itself. Press Run`

// Workbench: questions before the first run

export const predictions = 'Predictions'
export const beforeYouRun = 'Before you run: what will happen?'
export const ranBeforeAnswering = (truth: string) => `You ran it before you answered. What happened: ${truth}`
export const asPredicted = (truth: string) => `As you predicted: ${truth}`
export const happenedInstead = (truth: string) => `What happened instead: ${truth}`

// Workbench: the toolbar

export const moreCommands = 'More'
export const speed = 'Speed: instructions per second'
export const aboutSpeed = 'Instructions per second, from the next run on'
export const fullSpeed = 'Full speed'
export const perSecond = (instructions: number) => `${count(instructions)} / s`
export const ofAtMost = (limit: number) => `of at most ${count(limit)} instructions`
export const instructionsUsed = 'Instructions used of the limit'
export const atWork = 'At work'
export const isRunning = 'Running'
export const textsHaveErrors = 'The texts have errors'
export const runBeginsAnew = 'Edited: Run and Step begin anew'
export const isAtStart = 'At the start'
export const isPaused = 'Paused'
export const hasEnded = 'Ended'
export const timelineOfRun = 'Timeline of the run'

// Workbench: commands, what each is called and what it does

export const run = 'Run'
export const aboutRun = 'Run to the end, the limit of the lab, or a stop'
export const stop = 'Stop'
export const aboutStop = 'Pause the run'
export const stepBack = 'Step back'
export const aboutStepBack = 'Undo one instruction'
export const step = 'Step'
export const aboutStep = 'Execute one instruction'
export const stepOver = 'Step over'
export const aboutStepOver = 'Execute one instruction; a call up to its return, VMRUN up to the #VMEXIT'
export const reset = 'Reset'
export const aboutReset = 'Build the texts and put the machine at its start'
export const runToExit = 'Run to the next #VMEXIT'
export const aboutRunToExit = 'Run until a guest leaves'
export const runToCursor = 'Run to the cursor'
export const aboutRunToCursor = 'Run until the line of the cursor is next'
export const runToGoal = 'Run to the next goal'
export const aboutRunToGoal = 'Run until one more goal is met'
export const backToExit = 'Back to the #VMEXIT before'
export const aboutBackToExit = 'Go back to where a guest left, or to the start'
export const runBack = 'Run back'
export const aboutRunBack = 'Go back to the last stop, or to the start'
export const breakpointAtCursor = 'Breakpoint at the cursor'
export const aboutBreakpointAtCursor =
  'Set or remove a breakpoint at the line of the cursor; a click beside the line does the same'
export const goToDefinition = 'Go to definition'
export const aboutGoToDefinition = 'Go to where the symbol or the VMCB field at the cursor is set'
export const formatText = 'Format the text'
export const aboutFormatText = 'Put labels, instructions and comments of the text into columns'
export const askToReportError = 'Report an error …'
export const aboutAskToReportError =
  'Show a text to send to others: a link to the lab as it stands, the build, the browser, the last result'
export const keyboardShortcuts = 'Keyboard shortcuts'
export const aboutShortcuts = 'While the focus is in the lab. On a Mac, Command serves as Ctrl.'
export const sheetOfShortcuts = 'The sheet of shortcuts'
export const keysInEditor = 'In the editor: Tab leaves it, or indents again'
export const keysInTimeline =
  'In the timeline: one instruction back or on; with Ctrl to the event before or after'
export const keysInTabs = 'In a row of tabs: the tab before or after'

// Workbench: what a command came to

export const machineIsAtStart = 'The machine is at its start.'
export const notReset = (errors: number) => `Not reset: ${plural(errors, 'error')} in the texts.`
export const nothingRuns = (errors: number, file: string, line: number, message: string) =>
  `Nothing runs: ${plural(errors, 'error')}. ${file} line ${line}: ${message}`
export const textsDoNotBuild = 'the texts do not build'
export const raceHappensAgain = (order: string) =>
  `The machine is at its start. The race happens again: ${order}.`
export const notDefinedHere = 'No text of this lab defines what is at the cursor.'
export const stoppedAtInstruction = (instructions: number) => `At instruction ${count(instructions)}.`
export const stoppedBy = (stop: string) => `Stopped: ${stop}.`
export const lastExit = (exit: string) => `Last exit: ${exit}.`
export const goalsAreMet = (met: number, goals: number) => `${met} of ${plural(goals, 'goal')} met.`
export const stopBefore = (stop: string, rip: string) => `${stop}, before rIP ${rip}`
export const exitOfL1 = (exit: string) => `L1 gets #VMEXIT(${exit})`
export const anotherGoalIsMet = 'another goal is met'

// Workbench: a report of an error

export const reportError = 'Report an error'
export const aboutReport =
  'This text has what others need to see the same, your texts included (in the link). Complete it, and send it to whoever keeps this book. Nothing is sent from here.'
export const theReport = 'The report'
export const copyReport = 'Copy the report'
export const reportIsCopied = 'The report is copied.'
export const selectAndCopy = 'The browser refuses the clipboard: select the text and copy it.'
export const attachMachine =
  'none leads to a playground; please attach the file that “Save the machine” gives'
export const beginningOfReport =
  'World Switch: an error\n\nWhat I did:\n\nWhat I expected:\n\nWhat happened:\n\n'
export const link = 'Link'
export const build = 'Build'
export const browser = 'Browser'
export const lastResult = 'Last result'
export const nothingWasRun = 'nothing was run'
export const problem = 'Problem'
export const andMore = (problems: number) => `and ${problems} more`
export const machineStopped = 'The machine stopped'

// Workbench: texts and their editor

export const chooseComparison = 'Show the text alone, or beside another'
export const textAlone = 'Text'
export const besideStart = 'Beside the start'
export const besideSolution = 'Beside the solution'
export const yours = 'Yours'
export const theStart = 'The start'
export const theSolution = 'The solution'
export const noDifference = 'There is no difference.'
export const differencesOf = (file: string, left: string, right: string) =>
  `${file}: ${left.toLowerCase()} and ${right.toLowerCase()}`
export const lineChanged = 'changed:'
export const lineInstead = 'instead:'
export const moreLines = (lines: number) => `${plural(lines, 'more line')}.`
export const readOnly = 'read-only'
export const problemsIn = (problems: number) => plural(problems, 'problem')
export const textOf = (file: string) => `Text of ${file}`
export const textInEditor = (file: string, isEditable: boolean) =>
  `Text of ${file}${isEditable ? '' : ', read-only'}. Press Ctrl+M, and Tab leaves the editor.`
export const aboutTab = 'Ctrl+M: Tab leaves the editor, or indents again.'
export const fileIsReadOnly = 'This file is read-only.'
export const breakpointAtLine = (line: number, isNext: boolean) =>
  `Breakpoint at line ${line}${isNext ? ', the next to execute' : ''}`
export const breakpointSet = 'Breakpoint. A click removes it.'
export const breakpointOff = 'Breakpoint, off. A click removes it.'
export const breakpointCannotBe = (isEnabled: boolean, why: string) =>
  `Breakpoint${isEnabled ? '' : ', off'}: ${why}. A click removes it.`
export const directive = 'Directive'
export const keyword = 'Keyword'
export const intercept = 'Intercept'
export const allIntercepts = 'All intercepts'
export const aboutAllIntercepts = 'Names of intercepts, joined by commas.'
export const reference = 'Reference'
export const fieldOfVmcbAt = (field: string, offset: string) => `${field} at ${offset} of the VMCB.`
export const fieldAtOffset = (field: string, offset: string, bytes: number) =>
  `${field} at ${offset}, ${plural(bytes, 'byte')}`
export const inMemoryNow = (value: string) => `In memory: ${value}`
export const problems = 'Problems'
export const error = 'Error'
export const warning = 'Warning'
export const moreProblems = (problems: number) => `${count(problems)} more are not listed.`
export const vmrunWillFail = (why: string) => `This VMRUN will fail: ${why}`

// Workbench: an image in the place of texts

export const image = 'Image'
export const flatBinary = (bytes: number, address: string) =>
  `flat binary, ${plural(bytes, 'byte')}, at ${address}`
export const multibootKernel = (bytes: number, commandLine: string) =>
  `multiboot kernel, ${plural(bytes, 'byte')}, started as “${commandLine}”`

// Workbench: the world that runs, and its processors

export const machineHasNotStarted = 'The machine has not started.'
export const host = 'Host'
export const guest = 'Guest'
export const asHost = 'host'
export const asGuest = 'guest'
export const guestFacts = (asid: number, hasNestedPaging: boolean) =>
  `ASID ${asid}, nested paging ${hasNestedPaging ? 'on' : 'off'}`
export const interruptShadow = 'interrupt shadow'
export const vcpu = 'vCPU'
export const vcpuOf = (processor: number) => `vCPU ${processor}`
export const whoseTurnItIs = (processor: number) => `Whose turn it is: vCPU ${processor}`
export const ofVcpu = (what: string, processor: number) => `${what} of vCPU ${processor}`

// Workbench: exits

export const exits = 'Exits'
export const show = 'Show'
export const exitsOfBoth = 'the processor’s and L1’s'
export const exitsOfProcessor = 'those of the processor, which L0 takes'
export const exitsOfL1 = 'those that L1 sees'
export const noExit = 'There was no #VMEXIT.'
export const noExitYet = 'No #VMEXIT yet.'
export const noExitYetRun = 'No #VMEXIT yet. Run the program, or step through it.'
export const exitsNotShown = (exits: number) => `The first ${count(exits)} exits are not shown.`
export const exitTo = 'to'
export const guestRip = 'guest rIP'
export const afterFact = 'after'
export const instructionsRun = (instructions: number) => `${count(instructions)} instructions`
export const stateCacheFact = 'state cache'
export const checkNeverTold =
  'As on a real processor, nothing says which check failed. Finding it is the exercise.'
export const checkToldAfterGuess =
  'Which check failed is shown once you have named a field and a reason, below.'
export const objectionOfL0 = (why: string) => `L0 objects: ${why}`
export const atAddress = (address: string) => `at ${address}`

// Workbench: panels

export const panels = 'Panels'
export const openPanel = 'Open another panel'
export const morePanels = 'More …'
export const loading = 'Loading …'
export const panelNotLoaded =
  'This panel could not be loaded. Close it, and try again when there is a connection.'
export const registers = 'Registers'
export const vmcb = 'VMCB'
export const stack = 'Stack'
export const listing = 'Listing'
export const serialConsole = 'Console'
export const devices = 'Devices'
export const log = 'Log'
export const compare = 'Compare'
export const stops = 'Stops'
export const pageWalk = 'Page walk'
export const tlb = 'TLB'
export const memoryTypes = 'Memory types'
export const worldSwitch = 'World switch'
export const stateCache = 'State cache'
export const interrupts = 'Interrupts'
export const l0 = 'L0'
export const nestedVmcbs = 'vmcb01, vmcb02, vmcb12'
export const interleavings = 'Interleavings'
export const scenarios = 'Scenarios'

// Workbench: values in every panel

export const numbers = 'Numbers'
export const changed = 'changed'
export const notNumberOrSymbol = (typed: string) =>
  `"${typed}" is neither a number nor a symbol of the program`
export const numberNeeded = (most: string) => `A number from 0 to ${most} is needed`
export const field = 'Field'
export const value = 'Value'
export const meaning = 'Meaning'
export const bits = 'Bits'
export const bytes = 'Bytes'
export const register = 'Register'
export const offset = 'Offset'
export const bitNumber = (bit: string | number) => `bit ${bit}`
export const bitRange = (bits: string) => `bits ${bits}`
export const bitOfField = (bit: number, field: string) => `bit ${bit}, ${field}`
export const bitsOf = (field: string) => `Bits of ${field}`
export const fieldsOf = (register: string) => `Fields of ${register}`
export const toBlame = 'to blame'
export const fieldsToBlame = (fields: string) => `to blame: ${fields}`
export const reserved = 'reserved'
export const aboutReserved = 'No field of this register'
export const goToInstruction = (instruction: number | string) => `Go to instruction ${instruction}`
export const linearAddress = 'Linear address'
export const access = 'Access'
export const ofWhich = 'of'
export const fromWhere = 'From'
export const toWhere = 'to'
export const withWhat = 'with'

// Workbench: registers

export const typingChangesMachine =
  'The machine is paused: what you type over changes it, as an edit in the timeline.'
export const runIsOverForRegisters = 'The run is over. Step back to change registers.'
export const has64Bits = (register: string) => `${register} has 64 bits`
export const controlRegistersAndMsrs = 'Control registers and MSRs'
export const was = (value: string) => `was ${value}`
export const flagsOneByOne = 'Flags one by one'
export const flagsBefore = (flags: string) => `Flags one by one; before: ${flags}`
export const noFlags = 'none'
export const segments = 'Segments and descriptor tables'
export const selector = 'Selector'
export const base = 'Base'
export const limit = 'Limit'
export const attributes = 'Attributes'
export const stateDigest = 'State digest'
export const aboutStateDigest = 'equal for machines that a guest could not tell apart'

// Workbench: the form of a VMCB

export const fieldsChanged = (fields: number) => `${fields} changed`
export const noVmcbText = 'This lab has no VMCB text.'
export const vmcbAt = (name: string, address: string) => `${name} at ${address}`
export const shownAndChanged = 'Shown and changed'
export const fieldsShown = 'Fields shown'
export const find = 'Find'
export const findHint = 'name, offset, bit'
export const noFieldDiffersFromText = 'No field differs from the text.'
export const noFieldDiffersFromMemory = 'No field differs from the memory.'
export const noFieldOfThatName = 'No field has that in its name.'
export const fieldsInText = (vmcb: string) => `Fields of ${vmcb} in its text`
export const fieldsInMemory = (vmcb: string) => `Fields of ${vmcb} in memory`
export const valueInText = 'Value in the text'
export const valueInMemory = 'Value in memory'
export const fieldInText = (field: string) => `${field}, in the text`
export const fieldInMemory = (field: string) => `${field}, in memory`
export const otherInText = (value: string) => `text: ${value}`
export const otherInMemory = (value: string) => `memory: ${value}`
export const changedByLastCommand = 'changed by the last command'
export const cleanBitOf = (bit: number, description: string) => `Clean bit ${bit}: ${description}`
export const nameInText = 'name in the text'
export const offsetFact = 'offset'
export const offsetAndSize = (offset: string, bytes: number) => `${offset}, ${bytes} bytes`
export const cleanBit = 'clean bit'
export const movedBy = 'moved by'
export const setInLine = (line: number) => `Set in line ${line}`
export const editsChangeText = (file: string) => `Edits change lines of ${file}; its comments stay.`
export const editsChangeTextAndRun = (file: string) =>
  `Edits change lines of ${file}; its comments stay. Run begins anew with them.`
export const cannotBeChangedHere = (file: string) => `${file} cannot be changed in this lab.`
export const editsChangeMemory = (instructions: number, address: string) =>
  `The machine is paused after ${count(instructions)} instructions: edits change its memory at ${address} now, as an edit in the timeline. The text stays as it is.`
export const runIsOverForMemory = 'The run is over: step back to change memory, or change the text.'
export const memoryOfEarlierText =
  'This is memory as the text before your edits made it. Run builds the new text.'
export const memoryChangesWhenPaused = 'Memory can be changed while the machine is paused.'
export const fieldOf = (field: string, vmcb: string) => `${field} of ${vmcb}`
export const largestValue = (field: string, bits: number, largest: string) =>
  `${field} has ${bits} bits: the largest value is ${largest}`
export const interceptsAreNamed = (list: string, field: string) =>
  `${list} lists intercepts by name, and bits of ${field} that are to be 1 have none`

// Workbench: what VMRUN says of a VMCB

export const toldAfterRun = 'Whether VMRUN takes this VMCB is told after the run.'
export const toldAfterGuess =
  'Which checks fail is told once the lab has run and you have named a field and a reason.'
export const neverTold =
  'As on a real processor, nothing tells which checks fail. Finding out is the exercise.'
export const allChecksPass = (checks: number) => `✓ All ${checks} consistency checks pass.`
export const checksFail = (failed: number, checks: number) =>
  `× ${plural(failed, 'check')} of ${checks} ${failed === 1 ? 'fails' : 'fail'}: VMRUN exits with VMEXIT_INVALID.`
export const everyCheck = 'Every check'
export const checkFails = '× fails:'
export const checkPasses = '✓ passes:'
export const showNamed = (what: string) => `Show ${what}`

// Workbench: a VMCB in a kernel log

export const readKernelLog = 'Read a VMCB from a kernel log of KVM'
export const withOption = 'With'
export const kvmWritesLog = 'KVM writes a VMCB that VMRUN refused to the kernel log. Paste the lines of'
export const pasteLogHere = 'here. Nothing leaves this page.'
export const kernelLog = 'Kernel log'
export const readLog = 'Read the log'
export const notLogOfVmcb = (why: string) => `This is not the log of a VMCB: ${why}.`
export const notesOnLog = 'Notes on the log'
export const logGives = (fields: number, different: number, vmcb: string) =>
  `The log gives ${plural(fields, 'field')}; ${different} differ from ${vmcb}.`
export const onlyThose = 'only those'
export const fieldsOfLog = 'Fields of the log'
export const inLog = 'In the log'
export const inVmcb = (vmcb: string) => `In ${vmcb}`
export const theSame = 'the same'
export const useValues = (vmcb: string, fields: number) =>
  `Use these values in ${vmcb}: ${plural(fields, 'field')}`
export const nothingWasChanged = (why: string) => `Nothing was changed: ${why}.`
export const fieldsSet = (fields: number, vmcb: string) =>
  `${plural(fields, 'field')} of ${vmcb} set. What stood there is put aside.`
export const putMyTextBack = 'Put my text back'

// Workbench: memory

export const earlier = 'Earlier'
export const later = 'Later'
export const takenAs = 'as'
export const addressesAre = 'addresses'
export const physical = 'physical'
export const linearOf = (processor: number) => `linear, of vCPU ${processor}`
export const goTo = 'Go to'
export const goToPlace = (place: string) => `Go to ${place}`
export const cr3AsTable = 'CR3, as a table'
export const nCr3AsTable = 'nCR3, as a table'
export const memoryFrom = (address: string, unit: string) => `Memory from ${address} in ${unit}`
export const symbolAt = (symbol: string, address: string) => `${symbol} at ${address}`
export const nothingIsMapped = (address: string) => `nothing is mapped at the linear address ${address}`
export const ramEndsBefore = (address: string) => `RAM ends before ${address}`
export const takenForA = 'Taken for a'
export const entriesNotZero = (entries: number) => `${count(entries)} of 512 entries are not zero.`
export const indexOfEntry = 'Index'
export const entry = 'Entry'
export const notPresent = 'not present'
export const pageAt = (address: string) => `page at ${address}`
export const tableAt = (address: string) => `table at ${address}`
export const showAll = (entries: number) => `Show all ${count(entries)}`
export const vmcbDoesNotFit = 'A VMCB does not fit before the end of memory.'
export const everyFieldIsZero = 'Every field would be zero.'
export const searchMemory = 'Search memory'
export const kindOfPattern = 'Kind of pattern'
export const patternOfBytes = 'bytes'
export const patternOfText = 'text'
export const exampleOfText = 'Hello'
export const patternOfValue = 'value'
export const exampleOfValue = '0x1234 or guest'
export const pattern = 'Pattern'
export const sizeInBytes = 'bytes'
export const search = 'Search'
export const firstPlaces = (places: number) => `The first ${count(places)} places:`
export const notInMemory = 'Not in memory.'
export const foundOnce = 'Found once:'
export const foundTimes = (places: number) => `Found ${count(places)} times:`
export const writeText = 'write the text to search for'
export const writeBytes = 'write bytes as pairs of hexadecimal digits, ?? for any: 48 8B ?? 05'
export const writeOneByte = 'at least one byte has to be given'
export const changeMemory = 'Change memory'
export const changeTakesEffectNow =
  'The machine is paused: a change takes effect now, as an edit in the timeline.'
export const memoryChangesInRun = 'Memory can be changed while the machine is paused in the middle of a run.'
export const changeAt = 'At'
export const changeTo = 'value'
export const change = 'Change'
export const numbersOrSymbols = 'Address and value are numbers or symbols of the program.'
export const valueDoesNotFit = (bytes: number) => `The value does not fit in ${bytes} bytes.`
export const bytesAt = (bytes: number, address: string) => `${bytes} bytes at ${address}`

// Workbench: the stack

export const noStack = (why: string) => `There is no stack to show: ${why}.`
export const topOfStack = (processor: number, bytes: number) =>
  `The top of the stack of vCPU ${processor}, ${bytes} bytes a slot`
export const leadsTo = 'Leads to'

// Workbench: the listing

export const listingAppears = 'The listing appears when the texts are built.'
export const instructionsElsewhere = 'The next instructions: code that no source line gave'
export const programInMemory = 'The program, as memory has it'
export const linesShown = (first: number, last: number, all: number) =>
  `${count(first)} to ${count(last)} of ${count(all)}`
export const toNextInstruction = 'To the next instruction'
export const countExecutions = 'Count executions'
export const repeatsRun = 'Repeats the run from its start.'
export const countedUpTo = (instructions: number) => `Counted up to instruction ${count(instructions)}.`
export const breakpoint = 'Breakpoint'
export const breakpointAt = (address: string) => `Breakpoint at ${address}`
export const instruction = 'Instruction'
export const line = 'Line'
export const executed = 'Executed'
export const nextInstruction = 'next:'
export const whatEachByteIs = 'What each byte is'
export const noInstruction = 'no instruction'
export const otherBytes = 'other bytes'
export const bytesReserved = (bytes: number) => `${plural(bytes, 'byte')} reserved`
export const bytesMore = (bytes: number) => `${plural(bytes, 'byte')} more`
export const repeatedUpTo = (times: string, last: string) => `× ${times}, up to ${last}`
export const bytesOfData = (bytes: number) => `${plural(bytes, 'byte')} of data`
export const lineOfFile = (file: string, line: number) => `${file}, line ${line}`
export const changedByProgram = (before: string) => `changed by the program; was ${before}`
export const askWhen = 'when?'
export const byInstruction = (instructions: number) => `by instruction ${count(instructions)}`

// Workbench: the serial console

export const nothingWritten = 'Nothing was written to the serial port at 3F8h.'
export const serialOutput = 'Output of the serial port'
export const serialInput = 'Input of the serial port'
export const typeHere = 'Type'
export const andReturn = 'and Return'
export const send = 'Send'
export const programFindsInput =
  'The program finds it at the port when it goes on. It is an edit in the timeline.'
export const nobodyWouldRead = 'The run is over: nobody would read it. Step back to type.'
export const pauseToType = 'Pause the machine to type.'
export const consoleInput = (typed: string) => `console input ${typed}`

// Workbench: devices

export const pictureSummary = (lit: number, pixels: number) =>
  `The picture in the framebuffer: ${count(lit)} of ${count(pixels)} pixels are not black`
export const framebufferFacts = (width: number, height: number, lit: number) =>
  `The framebuffer at E000_0000h: ${width} x ${height} pixels of 32 bits, ${count(lit)} of them not black.`
export const nothingCrossedBus = 'Nothing has crossed the bus yet.'
export const transfers = (all: number) => `Transfers over the bus: ${count(all)}`
export const lastTransfers = (shown: number, all: number) =>
  `Transfers over the bus: the last ${count(shown)} of ${count(all)}`
export const transferAfter = 'After'
export const transferBy = 'By'
export const transferWhat = 'What'
export const processorNumber = (processor: number) => `processor ${processor}`
export const busMaster = 'bus master'

// Workbench: the log

export const kindsOfEntries = 'Kinds'
export const exceptionsRaised = 'exceptions raised'
export const throughIdt = 'through the IDT'
export const undefinedReliedOn = 'undefined relied on'
export const instructions = 'instructions'
export const accesses = 'accesses'
export const pageWalks = 'page walks'
export const intercepts = 'intercepts'
export const checks = 'checks'
export const worldSwitches = 'world switches'
export const events = 'events'
export const bus = 'bus'
export const everyVcpu = 'every vCPU'
export const textToFind = 'text'
export const entries = (entries: number) => plural(entries, 'entry', 'entries')
export const lastEntries = (shown: number, all: number) =>
  `The last ${count(shown)} of ${plural(all, 'entry', 'entries')}`
export const firstEntries = (shown: number, all: number) =>
  `The first ${count(shown)} of ${plural(all, 'entry', 'entries')}`
export const entriesForgotten = (entries: number) => `the machine has forgotten the first ${count(entries)}`
export const everythingInPart = 'Everything that happened in a part of the run'
export const aboutDetail = 'That part is run again, and every instruction, access and check in it is told.'
export const partInDetail = 'A part of the run in detail'
export const kindsInDetail = 'Kinds in detail'
export const tell = 'Tell'
export const inDetail = 'In detail'
export const writeTwoPositions = (end: number) =>
  `Write two positions from 0 to ${count(end)}, the first one first.`
export const vmrunOf = (address: string) => `VMRUN of the VMCB at ${address}`
export const fromStateCache = (groups: string) => `from the state cache: ${groups}`
export const exitAt = (exit: string, rip: string, vmcb: string) =>
  `#VMEXIT(${exit}) at rIP ${rip}, VMCB ${vmcb}`
export const checkFailed = (check: string) => `check ${check} failed`
export const isRaised = 'raised'
export const goesThroughIdt = 'goes through the IDT'
export const errorCode = (code: string) => `error code ${code}`
export const reliesOnUndefined = (address: string) => `relies on what is undefined at ${address}`
export const accessOf = (isStore: boolean, bytes: number, places: string, value: string) =>
  `${isStore ? 'store' : 'load'} of ${bytes} at ${places} = ${value}`
export const walkStep = (isNested: boolean, level: number, address: string, entry: string) =>
  `${isNested ? 'nested ' : ''}walk, level ${level}: entry at ${address} = ${entry}`
export const tlbEvent = (what: string, asid: number) => `TLB ${what}, ASID ${asid}`
export const interceptAsked = (intercept: string, isTaken: boolean) =>
  `intercept ${intercept}: ${isTaken ? 'taken' : 'not set'}`
export const checkMade = (check: string, field: string, value: string, hasFailed: boolean) =>
  `${check} on ${field} = ${value}: ${hasFailed ? 'failed' : 'passed'}.`
export const vmrunLoads = (fields: number, vmcb: string) => `VMRUN loads ${fields} fields, VMCB ${vmcb}`
export const exitStores = (fields: number, vmcb: string) => `#VMEXIT stores ${fields} fields, VMCB ${vmcb}`
export const transferOf = (bytes: number) => `${bytes} bytes`
export const transferOfValue = (value: string, bytes: number) => `${value}, ${bytes} bytes`
export const transferAt = (kind: string, address: string, data: string) => `${kind} at ${address}: ${data}`

// Workbench: two points of the run compared

export const startOfRun = 'the start'
export const instructionNumber = (instructions: number) => `instruction ${count(instructions)}`
export const pin = (position: string) => `Pin ${position}`
export const whereMachineIs = 'where the machine is'
export const removeAllPins = 'Remove all pins'
export const aboutCompare =
  'Pin a point of the run, go on, and compare: registers, VMCBs and memory. The machine stays where it is.'
export const nothingDiffers = (from: string, to: string) => `From ${from} to ${to}: nothing differs.`
export const someDiffer = (from: string, to: string, registers: number, fields: number, pages: number) =>
  `From ${from} to ${to}: ${plural(registers, 'register')}, ${plural(fields, 'VMCB field')} and ${plural(pages, 'page')} of memory differ.`
export const vmcbOfGuest = 'VMCB of the guest'
export const vmcbFieldsInMemory = 'VMCB fields in memory'
export const pagesOfMemory = 'Pages of memory'
export const firstPagesOfMemory = (shown: number, all: number) =>
  `Pages of memory, the first ${shown} of ${count(all)}`
export const page = 'Page'
export const bytesThatDiffer = 'Bytes that differ'
export const firstThatDiffers = 'The first one'
export const nameOfValue = 'Name'
export const valueFirst = 'First'
export const valueThen = 'Then'

// Workbench: stops

export const aboutStops =
  'Runs end at stops. A click beside a line sets a breakpoint; the form below sets all others.'
export const removeAllStops = 'Remove all stops'
export const isOff = 'off'
export const placedWhenBuilt = 'placed when the texts are built'
export const cannotBe = (why: string) => `cannot be: ${why}`
export const fromTo = (first: string, last: string) => `${first} to ${last}`
export const newStop = 'New stop'
export const stopAt = 'Stop at'
export const add = 'Add'
export const anExit = 'a #VMEXIT'
export const anException = 'an exception'
export const anInstruction = 'an instruction'
export const anAccess = 'an access to memory'
export const aRegister = 'a change of a register'
export const anMsr = 'a change of an MSR'
export const aField = 'a write to a VMCB field'
export const exitCode = 'Exit code'
export const any = 'any'
export const seenBy = 'Seen by'
export const l0OrL1 = 'L0 or L1'
export const exitOfProcessor = 'L0: an exit of the processor'
export const vector = 'Vector'
export const symbolAndNumber = 'symbol + number'
export const physicalAddress = 'Physical address'
export const vmcbToWatch = 'VMCB at'
export const read = 'read'
export const write = 'write'
export const stopAtLine = (file: string, line: number) => `line ${line} of ${file}`
export const stopAtAddress = (address: string) => `instruction at ${address}`
export const stopAtAnyExit = 'any #VMEXIT'
export const stopAtExit = (exit: string) => `#VMEXIT(${exit})`
export const stopAtExitTo = (exit: string, level: string) => `${exit} to ${level}`
export const stopAtAnyException = 'any exception'
export const stopAtException = (exception: string) => `exception ${exception}`
export const stopAtAccess = (access: 'read' | 'write', bytes: number, address: string) =>
  `${access} of ${plural(bytes, 'byte')} at ${address}`
export const stopAtField = (field: string, vmcb: string) => `write to ${field} of the VMCB at ${vmcb}`
export const stopAtRegister = (register: string) => `change of ${register}`
export const noInstructionAfter = (file: string, line: number) =>
  `no instruction at or after line ${line} of ${file}`
export const noSuchExitCode = (name: string) => `there is no exit code "${name}"`
export const noSuchField = (name: string) => `there is no VMCB field "${name}"`

// Workbench: figures of the live machine

export const walkOf = 'Walk of'
export const anAddress = 'an address …'
export const fetch = 'fetch'
export const byCpl3 = 'by CPL 3'
export const notCanonical = (address: string) => `${address} is not canonical`
export const fetchOfNext = 'fetch of the next instruction'
export const lastPageFault = 'last #PF'
export const lastNestedPageFault = 'last nested page fault'
export const lastStore = 'last store'
export const lastLoad = 'last load'
export const guestPat = 'gPAT, the guest’s'
export const pat = 'PAT'
export const hostPat = 'PAT, the host’s'
export const entryOfTlb = 'An entry of the TLB'
export const whatIf = 'What if …'
export const tlbIsEmpty = 'The TLB is empty: nothing has been translated yet. Run or step to an access.'
export const asidOf = (asid: number) => `ASID ${asid}`
export const noVmcbOfText = 'This lab has no VMCB of a text.'

// Workbench: what L0 does, and races with it

export const kindsOfEvents = 'Kinds of events'
export const everyVmrunOfL1 = 'VMRUNs of L1'
export const looksAtVmcb12 = 'looks at vmcb12'
export const decisions = 'decisions'
export const exitsToL1 = 'exits to L1'
export const moves = 'moves'
export const noDecisionsYet = 'L0 has had nothing to decide yet.'
export const eventsNotShown = (events: number) => `The first ${plural(events, 'event')} are not shown.`
export const vmrunOfL1 = (vmcb12: string) => `of L1, with vmcb12 at ${vmcb12}`
export const look = 'look'
export const lookTo = (purpose: string) => `to ${purpose} it`
export const partOfVmcb12 = (first: string, last: string) => `${first} to ${last} of vmcb12`
export const decides = 'decides'
export const byRule = (rule: string) => `by the rule “${rule}”`
export const exitToL1 = 'exit to L1'
export const checksThatFail = (checks: string) => `fails: ${checks}`
export const moved = 'moved'
export const moveRefused = 'refused'
export const moveAccepted = 'accepted'
export const savedAndRestored = (level: 'L1' | 'L2') => `The vCPU is saved and restored while ${level} runs`
export const refusedByRule = (why: string, rule: string) => `${why}, by “${rule}”`
export const replayed = (order: string) => `Replayed: ${order}`
export const tryingOrders = 'Trying the orders'
export const tryingTheOrders = 'Trying the orders …'
export const noRace = 'This lab has no race.'
export const replayIsReady = (order: string) => `On the machine: ${order}. Step, or run.`
export const race = 'Race'
export const vcpuStores = (processor: number, stores: readonly string[]) =>
  `vCPU ${processor} stores ${stores.join(', then ')}.`
export const raceNotReached = 'L1 does not get to the VMRUN that is raced for.'
export const noOrderLoses = '✓ no order loses'
export const ordersLose = (losing: number, tried: number) =>
  `✕ ${count(losing)} of ${plural(tried, 'order')} lose`
export const ordersTried = (tried: number, longest: number) =>
  `${plural(tried, 'order')} tried, one of each class that leads to the same end; the longest has ${longest} steps.`
export const allOrdersTried = (bound: number) => `That is all of them; the bound is ${count(bound)}.`
export const moreOrdersThanBound = (bound: number) => `There are more than the bound of ${count(bound)}.`
export const replayOrder = 'Replay this order on the machine'
export const storeTo = (value: string, address: string) => `${value} to ${address}`
export const l0OfVcpu0 = 'L0 for vCPU 0'
export const vcpu1OfL1 = 'vCPU 1 of L1'

// Workbench: scenarios

export const runningScenarios = 'Running the scenarios'
export const runningTheScenarios = 'Running the scenarios …'
export const aboutScenarios =
  'Each runs your texts from the beginning on a machine of its own, as they were built last.'
export const scenarioHolds = '✓ holds'
export const scenarioFails = '✕ fails'

// Workbench: a guess at the field that VMRUN refused

export const yourGuess = 'Your guess'
export const whichFieldAndWhy = 'VMRUN refused. Which field, and why?'
export const fieldOfVmcb = 'Field of the VMCB'
export const reason = 'Reason'
export const commitAndCompare = 'Commit and compare'
export const checkIsShownAfterwards = 'The check that failed is shown afterwards.'
export const anotherLabHasMachine =
  'Another lab has the machine. Run this one again, and then make your guess.'
export const rightField = 'That is the field'
export const wrongField = 'It was another field'
export const youSaid = 'You said'
export const vmrunSaid = 'VMRUN said'

// Workbench: goals, help and the solution

export const goals = 'Goals'
export const goalsMetOf = (met: number, goals: number) => `${met} of ${goals} met`
export const goalIsMet = 'Met: '
export const goalIsNotMet = 'Not met: '
export const manual = (sections: string) => `Manual: ${sections}`
export const help = 'Help'
export const firstHint = (number: number, hints: number) => `Show a hint (${number} of ${hints})`
export const nextHint = (number: number, hints: number) => `Show the next hint (${number} of ${hints})`
export const showSolution = 'Show the solution'
export const hideSolution = 'Hide the solution'
export const solution = 'Solution'
export const aboutSolution = 'One way to reach the goals. Your text stays as it is.'
export const resetText = 'Reset the text'
export const textsPutAside = (texts: number) => `Texts that were put aside: ${texts}`
export const restore = 'Restore'
export const attemptsSoFar = (attempts: number) => `${plural(attempts, 'attempt')} so far.`
export const allGoalsMetOn = (when: string) => `All goals were met on ${when}.`

// Workbench: sharing a lab

export const share = 'Share'
export const copyLink = 'Copy a link'
export const copyAsFile = 'Copy as file'
export const saveLabAsFile = 'Save as file'
export const openFile = 'Open a file …'
export const labAsFile = 'A lab that was saved as a file'
export const exportAsImage = 'Export as an image'
export const linkIsCopied = (characters: number) =>
  `The link is copied. It has ${count(characters)} characters.`
export const longLinksAreCut = ' Some programs cut links that long; a file is safer.'
export const fileIsCopied = 'The file is copied.'
export const copyFromHere = 'The browser refuses the clipboard. Copy it from here:'
export const fileIsOpen = (file: string) => `${file} is open.`
export const imageIsBeingBuilt = 'The image is being built …'
export const imageNotBuilt =
  'The image could not be built: the machine stopped working. Restart it above, and try again.'
export const labNotExported = (why: string) => `This lab cannot be exported: ${why}.`
export const aboutExportedImage =
  'A multiboot image of the texts as they stand. It begins as this lab does, and is run by:'

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
export const workIsBeingAdded = (file: string) => `${file} is being added …`
export const workAdded = (file: string) => `${file} has been added.`
export const workLeftOut = (parts: number) => ` Parts of it that are not in order were left out: ${parts}.`
export const noRoomForWork =
  'The browser has no room for all of it. What there was is still there. Free some storage, and add the file again.'
export const answerNotKept =
  'This browser has no room for your answers, or refuses storage: they are not counted on the page of your progress.'
export const everythingForgotten =
  'Everything is forgotten. How the book looks stays as you chose it. A lab that is open in another tab keeps its texts there until you close it.'
export const saveAsFile = 'Save as a file'
export const addFileOfWork = 'Add a file …'
export const fileOfWork = 'A file of work'
export const askToForgetEverything = 'Forget everything …'
export const forgetWarning =
  'All texts, attempts and answers in this browser, and the breakpoints, panels and speeds that you chose in labs, will be gone, and there is no way back.'
export const forgetEverything = 'Forget everything'
export const keepIt = 'Keep it'
export const workTooLarge = (most: number) =>
  `it is too large: a file of work that can be read has at most ${count(most / 1_000_000)} MB`
export const workNotJson = 'it is not JSON. Choose a file that "Save as a file" on this page has written'
export const notFileOfWork =
  'it is not a file of work in this book. Choose one that "Save as a file" on this page has written; the file of a lab is opened in that lab'
/** What a stranger wrote as the format is shown only if it is a number that can be one. */
export const otherFormat = (found: unknown, read: number) =>
  (typeof found === 'number' || typeof found === 'string') && /^\d{1,6}$/.test(String(found))
    ? `its format is ${found}, and this version of the book reads ${read}. Reload this page for a newer version, or make it again with this one`
    : `its format is not one that the book has. Make it again with this version, which reads ${read}`

// Playground: the machine, its files, and what is opened and saved

export const machineAndFiles = 'Machine and files'
export const beginWith = 'Begin with'
export const aTemplate = 'a template …'
export const openFiles = 'Open files …'
export const filesToOpen = 'Assembly, a flat binary, a multiboot kernel, or a saved machine'
export const saveMachine = 'Save the machine'
export const bringBack = 'Bring back what was here'
export const orBringBack = 'or'
export const somethingEarlier = 'something earlier …'
export const noRoomForProject =
  'The browser has no room left to keep your work. Save the machine as a file before you leave this page.'
export const playgroundInAnotherTab =
  'The playground is open in another tab, which keeps your work. What you write here is kept once that tab is closed.'
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
export const removeNamed = (what: string) => `Remove ${what}`
export const nameOfNewFile = 'Name of a new file'
export const exampleFileName = 'name.asm'
export const addFile = 'Add a file'

// Playground: what became of the reader's last wish, and why

export const savedProjectUnreadable =
  'What was kept of your last visit could not be read. Here is the first template.'
export const machineIsBeingSaved = 'The machine is being saved …'
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
export const fileIsEmpty = 'it is empty. Save it again, or choose another file'
export const fileTooLargeToOpen = (size: number, most: number) =>
  `it has ${size} MB; the largest that can be opened has ${most}`
export const fileUnreadable = 'the browser cannot read it. Choose it again'
export const imageTooLarge = (size: number, most: number) =>
  `it has ${size} MB; the largest image has ${most}`
export const textTooLong = (most: number) => `it is longer than ${most} MB`
export const badName = (why: string) => `its name will not do: ${why}`
export const notUtf8 = 'it is not a text in UTF-8. Save it as UTF-8, and open it again'
export const tooMuchMemoryInUse = (most: number) => `more than ${most} MB of its memory are in use`
export const isDamaged = 'it is damaged. Save the machine again'
export const isTooLarge = 'it is too large when it is unpacked. Save a machine that uses less memory'
export const notSavedMachine =
  'it is not a machine that was saved here. Choose a file that "Save the machine" has written'
export const noMachineDescribed = 'it does not describe a machine. Save the machine again'
export const imageDamaged = 'its image is damaged. Save the machine again'

// Every figure

export const asTable = 'As a table'
export const figureAsTable = (figure: string) => `${figure}, as a table`
export const gpa = 'gPA'
export const spa = 'sPA'
export const hostWorld = 'host'
export const changedSpoken = '(changed)'

// The figure of a TLB

export const tlbOf = (processor: number) => `TLB of processor ${processor}`
export const tlbSummary = (entries: string, added: number, removed: number) =>
  `${entries}; the last instruction added ${added} and removed ${removed}.`
export const asid = 'ASID'
export const allAsids = 'all'
export const addressContains = 'Address contains'
export const tlbLegend =
  'R, W, X: reads, stores, fetches. U: CPL 3 too. D: stores need no walk. An entry shows where its memory type comes from.'
export const noEntries = 'No entries.'
export const globalEntry = 'global'
export const newEntry = 'new'
export const asidAndPcid = (asid: number, pcid: string | undefined) =>
  `ASID ${asid}${asid === 0 ? ' (host)' : ''}${pcid === undefined ? '' : `, PCID ${pcid}`}`
export const tlbColumns = [
  'ASID, PCID',
  'Linear',
  'gPA',
  'sPA',
  'Page',
  'R W X, U, D',
  'Type',
  'Derivation',
  'Remarks',
]

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
export const processorsCopy = 'Processor’s copy'
export const emptyCopy = 'empty'
export const copyOf = 'of'
export const tagMatches = 'tag matches'
export const anotherVmcb = 'another VMCB'
export const stale = '⚠ stale'
export const inMemory = 'In memory'
export const inTheCopy = 'In the copy'
export const moreAlike = (fields: number) => `${fields} more, alike`
export const noCopy = 'no copy'
export const differs = 'differs'
export const differsSpoken = 'differs: '
export const vmcbAndCopy = (vmcb: string, tag: string | undefined, isSame: boolean) =>
  `VMCB ${vmcb}; the processor’s copy is ${tag === undefined ? 'empty' : `of ${tag}, ${isSame ? 'the same' : 'another'} VMCB`}.`
export const cacheColumns = ['Group', 'Clean bit', 'Field', 'In memory', 'In the copy', 'The next VMRUN']

// The figure of the gates before interrupts

export const beforeInterruptOf = (world: string) => `What stands before an interrupt of the ${world}`
export const noneWaits = 'none waits'
export const beforeNextInstruction = 'before the next instruction'
export const open = 'open'
export const closed = 'closed'
export const notNow = 'not now'
export const openedBy = (hint: string) => `opens: ${hint}`
export const eventsAndGates = 'Events by priority, and their gates'
export const gateColumns = ['Event', 'Waits', 'Gate', 'Value', 'State', 'Opened or closed by', 'Leads to']
export const no = 'no'
export const andNext = ', next'

// The figure of a race

export const raceOf = (one: string, other: string) => `${one} against ${other}`
export const ordersOfSteps = (orders: number, losing: number, isComplete: boolean) =>
  `${plural(orders, 'order')} of the steps${isComplete ? '' : ', of more that were not tried'}; ${losing === 0 ? 'in none of them something goes wrong' : `${losing} of them lose`}.`
export const whatIsLost = 'What is lost'
export const anything = 'anything'
export const atItsEnd = 'at its end'
export const takeBack = 'Back'
export const alongShortestLoss = 'Along the shortest loss'
export const toTheBeginning = 'To the beginning'
export const endAllHolds = 'The end: all properties hold.'
export const endWith = (findings: readonly string[]) =>
  `The end. ${findings.map((finding) => `${finding}.`).join(' ')}`
export const nothingWillBeLost = (orders: number) =>
  `Whatever comes now, nothing is lost (${plural(orders, 'order')}).`
export const willBeLost = (orders: number) => `Whatever comes now, it is lost (${plural(orders, 'order')}).`
export const someWillBeLost = (losing: number, orders: number) =>
  `${losing} of the ${orders} orders that begin so lose.`
export const ordersShown = (shown: number, all: number) =>
  `${shown < all ? `${shown} of ` : ''}${plural(all, 'order')}, those that lose first.`
export const numbersAndLetters = (one: string, other: string) => `${one} has numbers, ${other} has letters.`
export const orderColumns = ['Steps', 'Outcome']
export const allHolds = 'all holds'
export const written = (what: string) => `${what}, written`
export const reads = 'reads'
export const writes = 'writes'
export const countedBytesAt = (bytes: number, place: string) => `${count(bytes)} bytes at ${place}`
export const withFields = (what: string, fields: readonly string[]) => `${what}, with ${fields.join(', ')}`
export const noOrderLosesHere = 'no order loses'
export const someOrdersDo = 'some do'
export const everyOrderDoes = 'every order does'
export const shortestThatDoes = 'the shortest that does'
export const gridOfSteps = (columns: number, one: string, rows: number, other: string) =>
  `Grid of ${columns} steps of ${one} by ${rows} of ${other}: right and down take steps, left and up take them back`

// The figures of memory types

export const slotsOf = (pat: string) => `The slots of ${pat}`
export const patSlot = (slot: number) => `PA${slot}`
export const markedReserved = '✕ reserved'
export const reservedForWrmsr = 'reserved: WRMSR raises #GP'
export const aboutSlotBits = 'The last line is PAT, PCD and PWT of the leaf that selects the slot.'
export const patColumns = ['Slot', 'PAT PCD PWT', 'Byte', 'Type']
export const onlyPatSlot = 'PAT slot'
export const guestPatSlot = 'Guest PAT slot'
export const nestedPatSlot = 'Nested PAT slot'
export const mtrr = 'MTRR'
export const nestedPaging = 'nested paging'
export const cacheDisableBit = 'CR0.CD'
export const reservedHasNoType = 'A reserved encoding has no type.'
export const memoryTypeIs = (type: string) => `Memory type ${type}`
export const rowsAndColumns = (title: string, row: string, column: string) =>
  `${title}: rows are the ${row}, columns the ${column}`
export const effectiveTypeIs = (type: string) => `The effective type is ${type}`
export const stepNumber = (step: number) => `Step ${step}`
export const guestPatName = 'guest PAT'
export const nestedPatName = 'nested PAT'
export const combinedPatName = 'combined PAT'
export const guestWithNested = 'Guest PAT × nested PAT (APM table 15-19)'
export const combinedWithMtrr = 'Combined PAT × MTRR (APM table 15-20)'
export const patWithMtrr = 'PAT × MTRR (APM table 7-11)'
export const derivedFrom = (one: string, type: string, other: string, otherType: string, result: string) =>
  `${one} ${type} × ${other} ${otherType} = ${result}`
export const typeBecomes = (before: string, type: string) => `CR0.CD = 1: ${before} becomes ${type}`
export const typeStays = (type: string) => `CR0.CD = 0: ${type} stays`

// The figure of the three VMCBs

export const noVmcb02 = 'L1 runs with vmcb01. Run to a VMRUN of L1 to see three VMCBs.'
export const originOfVmcb02 = 'vmcb02, and where it came from'
export const notSameInAll = 'not the same in all'
export const changedByLastStep = 'changed by the last step'
export const allFields = 'all fields'
export const fieldsShownOf = (shown: number, all: number) => `${shown} of ${all} fields are shown.`
export const fieldHead = 'field'
export const fields = 'Fields'
export const l0RunsL1 = 'L0 runs L1'
export const l0RunsL2 = 'L0 runs L2'
export const asCopied = 'L1’s, as copied'
export const noFieldIsLikeThat = 'No field is like that.'
export const source = 'Source'
export const anySource = 'any source'
export const fieldName = 'name'
export const partOfName = 'Part of a field’s name'
export const fromVmcb01 = 'from vmcb01'
export const fromCopyOfVmcb12 = 'from L0’s copy of vmcb12'
export const fromVmcb12WhenUsed = 'from vmcb12, read when used'
export const mergedField = 'merged'
export const l0sOwn = 'L0’s own'
export const copyOfVmcb12 = 'copy of vmcb12'
export const liveVmcb12 = 'vmcb12, live'
export const interceptFields = 'Intercepts'
export const mapsAndNestedPaging = 'Maps and nested paging'
export const eventFields = 'Events'
export const otherControls = 'Other controls'
export const readLive = 'read live'
export const notCopied = 'not copied'
export const comesFrom = (place: string) => `from: ${place}`
export const aboutField = (description: string, offset: string, section: string) =>
  `${description}. VMCB offset ${offset}, ${section}.`
export const fieldIn = (name: string, vmcb: string) => `${name} in ${vmcb}`
export const fieldsOfThree = 'Fields of the three VMCBs'
export const triptychColumns = (vmcbs: readonly string[]) => ['Field', ...vmcbs, 'Source of vmcb02', 'Why']

// The figure of a page walk

export const gpaOf = 'gPA of'
export const nestedEntry = (level: string) => `n${level}E`
export const atItsSpa = 'at its sPA'
export const rowOfWalk = (name: string, address: string) => `${name}, gPA ${address}`
export const noSpa = 'no sPA'
export const leaf = 'leaf'
export const setsBits = (bits: string) => `sets ${bits}`
export const accessSets = (bits: string) => `the access sets ${bits}`
export const endsWalk = (why: string) => `ends the walk: ${why}`
export const walkColumns = ['Read', 'For', 'Entry', 'sPA', 'Value', 'Remarks']
export const accessNames = { read: 'Read', write: 'Write', execute: 'Fetch' } as const
export const accessAt = (access: string, isUser: boolean, address: string) =>
  `${access} by ${isUser ? 'a user' : 'a supervisor'} at ${address}`
export const ofNestedTables = (entry: string) => `nested ${entry}`
export const finalAddress = 'final address'
export const storeInto = (entry: string) => `store of A, D in ${entry}`
export const largePage = 'large page'
export const notRead = 'not read'
export const notTranslated = 'Not translated'
export const signBits = 'Sign'
export const entriesRead = (entries: number) => `${plural(entries, 'entry', 'entries')} read`
export const gpaIs = (address: string) => `gPA ${address}`
export const spaIs = (address: string) => `sPA ${address}`
export const inTheTlb = (page: string) => `${page} in the TLB`
export const ofMemoryType = (type: string) => `memory type ${type}`

// The figure of the run

export const theRun = 'The run'
export const ofInstructions = (instructions: number) => `of ${plural(instructions, 'instruction')}`
export const eventBefore = '◂ event'
export const eventAfter = 'event ▸'
export const toEventBefore = 'To the event before'
export const toEventAfter = 'To the next event'
export const eventAt = (button: string, event: string, at: number) =>
  `${button}: ${event} after ${count(at)} instructions`
export const showLessOfRun = 'Show less of the run'
export const showMoreOfRun = 'Show more of the run'
export const positionInRun = 'Position in the run'
export const inTheHost = 'in the host'
export const inTheGuestOf = (vmcb: string) => `in the guest of the VMCB at ${vmcb}`
export const positionAndWorlds = (instructions: number, worlds: readonly string[]) =>
  `after ${plural(instructions, 'instruction')}, ${worlds.join(', ')}`
export const eventsAroundPosition = (first: number, last: number, all: number) =>
  `Events ${count(first)} to ${count(last)} of ${count(all)}, around the position.`
export const timelineColumns = (isMany: boolean) => [
  'Instructions',
  ...(isMany ? ['vCPU'] : []),
  'Event',
  'World after it',
]
export const guestWorld = (vmcb: string) => `guest, VMCB ${vmcb}`
export const vmcbNamed = (vmcb: string) => `VMCB ${vmcb}`
export const guestOfVmcb = (vmcb: string) => `guest of VMCB ${vmcb}`
export const moreGuests = (guests: number) => `and ${guests} more guests, in the same patterns`
export const closerThanShown = 'closer than the picture can show'
export const markOfExit = '#VMEXIT'
export const markOfException = 'exception'
export const markOfInterrupt = 'interrupt'
export const markOfEdit = 'edit'

// The figure of a world switch

export const noWorldSwitch = 'No world switch yet: run to a VMRUN.'
export const intoTheGuest = 'VMRUN: from the host into the guest'
export const backToTheHost = '#VMEXIT: from the guest back to the host'
export const savedToHostSaveArea = 'Saved to the host save area'
export const loadedFromVmcb = 'Loaded from the VMCB'
export const storedInVmcb = 'Stored in the VMCB'
export const reloadedFromHostSaveArea = 'Reloaded from the host save area'
export const setByProcessor = 'Set by the processor'
export const leftAlone = 'Left alone'
export const alsoLeftAlone =
  'So are the x87 and SSE registers, DR0 to DR3 and all other MSRs: a hypervisor switches them itself.'
export const hiddenInProcessor = 'hidden in the processor'
export const whatRuns = 'what runs'
export const inMemoryPlace = 'in memory'
export const setsValues = (values: number) => `sets ${values}`
export const savesValues = (values: number) => `saves ${values}`
export const loadsValues = (values: number) => `loads ${values}`
export const leavesTheRest = 'leaves the rest alone'
export const valuesFromStateCache = (values: number) => `${values} from the state cache`
export const newToProcessor = (values: number) => `, ${values} of them new to the processor`
export const alsoThoseThatStay = (values: number) => `Also the ${values} that stay the same`
export const becomes = 'becomes'
export const stateCacheSource = 'state cache'
export const switchColumns = ['What', 'Register or field', 'Before', 'Value', 'From']
