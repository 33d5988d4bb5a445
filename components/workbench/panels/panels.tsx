/** The right half of the bench: the world that runs, the exits, and below them the other panels as tabs. */
import type { Lab } from '../../../emulator/lab/index.ts'
import * as text from '../../strings.ts'
import type { LabStore } from '../store.ts'
import { TabList } from '../tabs.tsx'
import { ExitsPanel } from './exits.tsx'
import { panelsOf } from './registry.tsx'
import { landmark } from '../landmark.ts'
import { WorldBar } from './world-bar.tsx'

export function Panels({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const view = store.view.value
  const { first, more } = panelsOf(lab)
  const opened = [...first, ...more.filter(({ id }) => store.morePanels.value.includes(id))]
  const active = (opened.find(({ id }) => id === store.panel.value) ?? first.at(0))?.id
  const entry = opened.find(({ id }) => id === active)
  const left = [...first, ...more].filter((panel) => !opened.includes(panel))
  const prefix = `wb-${lab.slug}-panels`
  return (
    <div class={`wb-panels${store.isStale.value ? ' is-stale' : ''}`}>
      <WorldBar view={view} previous={store.previous.value} />
      {lab.panels.includes('exits') && (
        <section
          class={`wb-panel wb-exits-panel${entry === undefined ? ' is-alone' : ''}`}
          aria-label={landmark(store, text.exits)}
          tabIndex={0}
        >
          <ExitsPanel store={store} reveal={lab.reveal} />
        </section>
      )}
      <div class="wb-tabs-bar">
        {opened.length > 0 && (
          <TabList
            label={text.panels}
            prefix={prefix}
            tabs={opened.map(({ id, label, note }) => {
              const noted = view && note?.(view)
              return { id, label, ...(noted === undefined ? {} : { note: noted }) }
            })}
            active={active ?? ''}
            onSelect={(id) => (store.panel.value = id)}
          />
        )}
        {left.length > 0 && (
          <select
            class="wb-more-panels"
            aria-label={text.openPanel}
            value=""
            onChange={({ currentTarget }) => {
              if (currentTarget.value !== '') store.openPanel(currentTarget.value)
            }}
          >
            <option value="">{text.morePanels}</option>
            {left.map(({ id, label }) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
          </select>
        )}
      </div>
      {entry !== undefined && (
        <div
          class="wb-panel wb-tab-panel"
          role="tabpanel"
          id={`${prefix}-panel`}
          aria-labelledby={`${prefix}-tab-${entry.id}`}
          tabIndex={0}
        >
          {view !== undefined && <entry.Panel store={store} view={view} previous={store.previous.value} />}
        </div>
      )}
    </div>
  )
}
