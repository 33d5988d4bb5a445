/** Which processor a panel shows, in labs with several: the one whose turn it is, or always the same. */
import type { CpuState } from '../../emulator/machine/index.ts'
import * as text from '../strings.ts'
import type { RunView } from './protocol.ts'
import { useRemembered } from './remembered.ts'
import type { LabStore } from './store.ts'
import { TabList } from './tabs.tsx'

const FOLLOW = 'turn'

export interface ChosenProcessor {
  readonly processor: number
  readonly cpu: CpuState
  readonly choice: string
  readonly choose: (choice: string) => void
}

/** All panels of a lab that show one processor share the choice at their next visit. */
export function useProcessor(store: LabStore, view: RunView): ChosenProcessor {
  const [choice, choose] = useRemembered(
    store,
    'processor',
    FOLLOW,
    (value): value is string => typeof value === 'string',
  )
  const processor = choice in view.cpus ? Number(choice) : view.processor
  return { processor, cpu: view.cpus[processor], choice: choice in view.cpus ? choice : FOLLOW, choose }
}

interface ProcessorTabsProps extends ChosenProcessor {
  readonly view: RunView
  /** Prefix of the elements' ids; the panel below has the id `${prefix}-panel`. */
  readonly prefix: string
}

/** Nothing where there is one processor. */
export function ProcessorTabs({ view, prefix, choice, choose }: ProcessorTabsProps) {
  if (view.cpus.length === 1) return null
  return (
    <TabList
      label={text.processors}
      prefix={prefix}
      tabs={[
        { id: FOLLOW, label: text.whoseTurnItIs(view.processor) },
        ...view.cpus.map(({ activity, guest }, n) => ({
          id: n.toString(),
          label: text.vcpuOf(n),
          note: activity === 'running' ? (guest === undefined ? text.asHost : text.asGuest) : activity,
        })),
      ]}
      active={choice}
      onSelect={choose}
    />
  )
}
