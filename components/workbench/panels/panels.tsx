/** The right half of the bench: the world that runs, the exits, and below them the other panels of the lab as tabs. */
import { useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import type { Lab } from '../../../emulator/lab/index.ts'
import type { RunView } from '../protocol.ts'
import type { LabStore } from '../store.ts'
import { TabList } from '../tabs.tsx'
import { ConsolePanel } from './console.tsx'
import { ExitsPanel } from './exits.tsx'
import { MemoryPanel } from './memory.tsx'
import { RegistersPanel } from './registers.tsx'
import { changedFields, VmcbPanel } from './vmcb.tsx'
import { WorldBar } from './world-bar.tsx'

type PanelName = Lab['panels'][number]
type TabName = Exclude<PanelName, 'exits'>

const TITLES: Readonly<Record<TabName, string>> = {
  registers: 'Registers',
  vmcb: 'VMCB',
  memory: 'Memory',
  console: 'Console',
}

export function Panels({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const view = store.view.value
  const tabs = lab.panels.filter((panel) => panel !== 'exits')
  const [chosen, choose] = useState<TabName | undefined>(tabs[0])
  const active = chosen
  const prefix = `wb-${lab.slug}-panels`
  return (
    <div class={`wb-panels${store.isStale.value ? ' is-stale' : ''}`}>
      <WorldBar view={view} previous={store.previous.value} />
      {lab.panels.includes('exits') && (
        <section
          class={`wb-panel wb-exits-panel${active === undefined ? ' is-alone' : ''}`}
          aria-label="Exits"
          tabIndex={0}
        >
          <ExitsPanel store={store} reveal={lab.reveal} />
        </section>
      )}
      {active !== undefined && (
        <>
          <TabList
            label="Panels"
            prefix={prefix}
            tabs={tabs.map((id) => ({ id, label: TITLES[id], ...noteOf(id, view) }))}
            active={active}
            onSelect={(id) => choose(id as TabName)}
          />
          <div
            class="wb-panel wb-tab-panel"
            role="tabpanel"
            id={`${prefix}-panel`}
            aria-labelledby={`${prefix}-tab-${active}`}
            tabIndex={0}
          >
            {view !== undefined && <Panel name={active} store={store} view={view} />}
          </div>
        </>
      )}
    </div>
  )
}

function noteOf(name: TabName, view: RunView | undefined): { note?: string } {
  if (name !== 'vmcb' || view === undefined) return {}
  const changed = view.vmcbs.reduce((sum, vmcb) => sum + changedFields(vmcb).length, 0)
  return changed === 0 ? {} : { note: `${changed} changed` }
}

interface PanelProps {
  readonly name: TabName
  readonly store: LabStore
  readonly view: RunView
}

function Panel({ name, store, view }: PanelProps): ComponentChildren {
  switch (name) {
    case 'registers':
      return <RegistersPanel store={store} view={view} previous={store.previous.value} />
    case 'vmcb':
      return <VmcbPanel view={view} previous={store.previous.value} />
    case 'memory':
      return <MemoryPanel store={store} view={view} />
    case 'console':
      return <ConsolePanel text={view.console} />
  }
}
