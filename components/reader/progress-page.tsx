/** The progress page: labs, quizzes, and the reader's work as a file. */
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { keepFocus } from '../keep-focus.ts'
import * as text from '../strings.ts'
import { download } from '../workbench/download.ts'
import { FilePicker } from '../workbench/file-picker.tsx'
import { addRecords, LARGEST_ARCHIVE, parseArchive, readRecords, writeArchive } from './archive.ts'
import { forgetWork } from './forget.ts'
import { labRows, quizRows, type Contents, type LabRow, type QuizRow } from './progress-view.ts'
import { readerStore, type ReaderStore } from './store.ts'

/** Draws the page's figures into `root`. */
export async function mountProgress(root: HTMLElement, contents: Contents): Promise<void> {
  const store = await readerStore()
  render(<Progress store={store} contents={contents} />, root)
  keepFocus(root)
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
  if (rows === undefined) return <p>{text.readingRecords}</p>
  const done = rows.labs.filter(({ state }) => state === 'done').length
  const right = rows.quizzes.reduce((sum, quiz) => sum + quiz.right, 0)
  const questions = rows.quizzes.reduce((sum, quiz) => sum + quiz.questions, 0)
  return (
    <>
      {!store.isLasting && <p>{text.storageRefused}</p>}
      <h2>{text.labs}</h2>
      <p>{text.labsDone(done, rows.labs.length)}</p>
      <LabTable rows={rows.labs} />
      <h2>{text.quizzes}</h2>
      <p>{text.questionsRight(right, questions)}</p>
      <QuizTable rows={rows.quizzes} />
      <h2>{text.workAsFile}</h2>
      <p>{text.aboutWorkAsFile}</p>
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
          <th scope="col">{text.lab}</th>
          <th scope="col">{text.state}</th>
          <th scope="col">{text.attempts}</th>
          <th scope="col">{text.lastAttempt}</th>
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
              {isOld && text.inEarlierVersion}
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
          <th scope="col">{text.chapter}</th>
          <th scope="col">{text.answered}</th>
          <th scope="col">{text.rightAtFirstTry}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ title, path, questions, answered, right }) => (
          <tr key={path}>
            <td>
              <a href={`${path}#quiz`}>{title}</a>
            </td>
            <td>{text.answeredOf(answered, questions)}</td>
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
    const content = file.size > LARGEST_ARCHIVE * 3 ? ' '.repeat(LARGEST_ARCHIVE + 1) : await file.text()
    const archive = parseArchive(content)
    if (!archive.ok) {
      say(text.workUnreadable(file.name, archive.message))
      return
    }
    say(text.workIsBeingAdded(file.name))
    try {
      await addRecords(store, archive.records)
      say(text.workAdded(file.name) + (archive.bad === 0 ? '' : text.workLeftOut(archive.bad)))
    } catch {
      say(text.noRoomForWork)
    }
    onChange()
  }
  const forget = async (): Promise<void> => {
    await forgetWork(store)
    ask(false)
    say(text.everythingForgotten)
    onChange()
  }
  return (
    <>
      <p class="progress-actions">
        <button type="button" onClick={() => void save()}>
          {text.saveAsFile}
        </button>
        <FilePicker
          text={text.addFileOfWork}
          label={text.fileOfWork}
          accept=".json,application/json"
          onPick={([file]) => void open(file)}
        />
        <button type="button" aria-expanded={isAsking} onClick={() => ask(!isAsking)}>
          {text.askToForgetEverything}
        </button>
      </p>
      {isAsking && (
        <p class="progress-actions progress-confirm">
          <span>{text.forgetWarning}</span>
          <button type="button" onClick={() => void forget()}>
            {text.forgetEverything}
          </button>
          <button type="button" onClick={() => ask(false)}>
            {text.keepIt}
          </button>
        </p>
      )}
    </>
  )
}
