/** What panels share that ask the worker on demand. */
import { useEffect, useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import type { Client } from '../client.ts'
import type { RunView } from '../protocol.ts'
import type { PanelProps } from './registry.tsx'

/**
 * The machine's answer to a question, asked again whenever the machine has gone on or one of `inputs` is another. Until the first
 * one undefined; then the last one, while the machine is at work.
 */
export function useAnswer<T>(
  { store, view }: Pick<PanelProps, 'store' | 'view'>,
  question: (client: Client) => Promise<T>,
  inputs: readonly unknown[],
): { readonly answer: T } | undefined {
  const [answered, setAnswered] = useState<{ readonly answer: T }>()
  const activity = store.activity.value
  useEffect(() => {
    let isCurrent = true
    // The machine may be gone, and an answer may be undefined: only what was answered counts.
    void store
      .ask(async (client) => ({ answer: await question(client) }))
      .then((result) => {
        if (isCurrent && result !== undefined) setAnswered(result)
      })
    return () => (isCurrent = false)
  }, [store, view, activity, ...inputs])
  return answered
}

interface ProcessorChoiceProps {
  readonly view: RunView
  readonly processor: number
  readonly choose: (processor: number) => void
}

/** Nothing where there is only one. */
export function ProcessorChoice({ view, processor, choose }: ProcessorChoiceProps) {
  if (view.cpus.length === 1) return null
  return (
    <label>
      {text.vcpu}{' '}
      <select value={processor} onChange={({ currentTarget }) => choose(Number(currentTarget.value))}>
        {view.cpus.map((_, index) => (
          <option key={index} value={index}>
            {index}
          </option>
        ))}
      </select>
    </label>
  )
}

/** The processor that a panel shows: that whose turn it was when the panel was opened, until the reader chooses. */
export function useProcessor(view: RunView): [number, (processor: number) => void] {
  const [processor, choose] = useState(view.processor)
  return [processor, choose]
}
