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
