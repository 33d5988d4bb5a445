/** The progress page: labs, quizzes, and the reader's work as a file. */
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { download } from '../workbench/download.ts'
import { FilePicker } from '../workbench/file-picker.tsx'
import { addRecords, LARGEST_ARCHIVE, parseArchive, readRecords, writeArchive } from './archive.ts'
import { labRows, quizRows, type Contents, type LabRow, type QuizRow } from './progress-view.ts'
import { readerStore, type ReaderStore } from './store.ts'

/** Draws the page's figures into `root`. */
export async function mountProgress(root: HTMLElement, contents: Contents): Promise<void> {
  const store = await readerStore()
  render(<Progress store={store} contents={contents} />, root)
}

interface Rows {
  readonly labs: readonly LabRow[]
  readonly quizzes: readonly QuizRow[]
}

function Progress({ store, contents }: { readonly store: ReaderStore; readonly contents: Contents }) {
  const [rows, setRows] = useState<Rows>()
  const [message, say] = useState('')
  const read = async (): Promise<void> => {
    const records = await readRecords(store)
    setRows({ labs: labRows(contents, records['lab-progress']), quizzes: quizRows(contents, records.quiz) })
  }
  useEffect(() => void read(), [store])
  if (rows === undefined) return <p>Reading what is kept …</p>
  const done = rows.labs.filter(({ state }) => state === 'done').length
  const right = rows.quizzes.reduce((sum, quiz) => sum + quiz.right, 0)
  const questions = rows.quizzes.reduce((sum, quiz) => sum + quiz.questions, 0)
  return (
    <>
      {!store.isLasting && <p>This browser refuses storage: work lasts as long as the page it is on.</p>}
      <h2>Labs</h2>
      <p>
        {done} of {rows.labs.length} done.
      </p>
      <LabTable rows={rows.labs} />
      <h2>Quizzes</h2>
      <p>
        {right} of {questions} answered right at the first try.
      </p>
      <QuizTable rows={rows.quizzes} />
      <h2>Your work as a file</h2>
      <p>
        Texts, attempts and answers are in this browser and nowhere else. A file carries them to another one,
        where they are put together with what is there.
      </p>
      <Files store={store} say={say} onChange={() => void read()} />
      <p role="status">{message}</p>
    </>
  )
}

function LabTable({ rows }: { readonly rows: readonly LabRow[] }) {
  return (
    <table class="progress-table">
      <thead>
        <tr>
          <th scope="col">Lab</th>
          <th scope="col">State</th>
          <th scope="col">Attempts</th>
          <th scope="col">Last</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ title, path, state, summary, isOld, attempts, lastAt }) => (
          <tr key={path} data-state={state}>
            <td>
              <a href={path}>{title}</a>
            </td>
            <td>
              <span aria-hidden="true">{{ new: '○ ', begun: '◐ ', done: '✓ ' }[state]}</span>
              {summary}
              {isOld && ', in an earlier version of the lab'}
            </td>
            <td>{attempts}</td>
            <td>
              {lastAt === undefined
                ? '–'
                : new Date(lastAt).toLocaleDateString('en-GB', { dateStyle: 'medium' })}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function QuizTable({ rows }: { readonly rows: readonly QuizRow[] }) {
  return (
    <table class="progress-table">
      <thead>
        <tr>
          <th scope="col">Chapter</th>
          <th scope="col">Answered</th>
          <th scope="col">Right at the first try</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ title, path, questions, answered, right }) => (
          <tr key={path}>
            <td>
              <a href={`${path}#quiz`}>{title}</a>
            </td>
            <td>
              {answered} of {questions}
            </td>
            <td>{right}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

interface FilesProps {
  readonly store: ReaderStore
  readonly say: (message: string) => void
  readonly onChange: () => void
}

function Files({ store, say, onChange }: FilesProps) {
  const [isAsking, ask] = useState(false)
  const save = async (): Promise<void> =>
    download('world-switch-work.json', new Blob([await writeArchive(store)], { type: 'application/json' }))
  const open = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    const text = file.size > LARGEST_ARCHIVE * 3 ? ' '.repeat(LARGEST_ARCHIVE + 1) : await file.text()
    const archive = parseArchive(text)
    if (!archive.ok) {
      say(`${file.name} could not be read: ${archive.message}. Nothing has changed.`)
      return
    }
    try {
      await addRecords(store, archive.records)
      say(
        `${file.name} has been added.` +
          (archive.bad === 0 ? '' : ` Parts of it that are not in order were left out: ${archive.bad}.`),
      )
    } catch {
      say('The browser has no room for all of it. What there was is still there.')
    }
    onChange()
  }
  const forget = async (): Promise<void> => {
    await store.clear()
    ask(false)
    say('Everything is forgotten.')
    onChange()
  }
  return (
    <>
      <p class="progress-actions">
        <button type="button" onClick={() => void save()}>
          Save as a file
        </button>
        <FilePicker
          text="Add a file …"
          label="A file of work"
          accept=".json,application/json"
          onPick={([file]) => void open(file)}
        />
        <button type="button" aria-expanded={isAsking} onClick={() => ask(!isAsking)}>
          Forget everything …
        </button>
      </p>
      {isAsking && (
        <p class="progress-actions progress-confirm">
          <span>All texts, attempts and answers in this browser will be gone, and there is no way back.</span>
          <button type="button" onClick={() => void forget()}>
            Forget everything
          </button>
          <button type="button" onClick={() => ask(false)}>
            Keep it
          </button>
        </p>
      )}
    </>
  )
}
