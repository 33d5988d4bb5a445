/** The figure of the state cache: memory on the left, the processor's copy on the right, the clean bits between them. */
import * as text from '../strings.ts'
import { plural } from '../workbench/format.ts'
import { Figure, TableHead } from './figure.tsx'
import type { StateCacheRecord } from './state-cache-data.ts'
import {
  stateCacheView,
  type CachedFieldRow,
  type CachedGroupRow,
  type GroupUse,
  type StateCacheView,
} from './state-cache-view.ts'

interface StateCacheProps {
  readonly record: StateCacheRecord
}

export function StateCacheFigure({ record }: StateCacheProps) {
  const view = stateCacheView(record)
  return (
    <Figure
      name="state-cache"
      title={text.readByVmrunOf(view.vmcb)}
      summary={
        <>
          {view.policyText} {view.stale > 0 && <b>{text.staleGroups(plural(view.stale, 'group'))}</b>}
        </>
      }
      table={() => <CacheTable view={view} />}
    >
      <div class="fig-cache">
        <div class="fig-cache-heads" aria-hidden="true">
          <span>
            <b>{text.memory}</b> <span class="fig-value">{view.vmcb}</span>
          </span>
          <span>{text.cleanBit}</span>
          <span>
            <b>{text.processorsCopy}</b>{' '}
            {view.tag === undefined ? (
              <span class="fig-tag">{text.emptyCopy}</span>
            ) : (
              <>
                {text.copyOf} <span class="fig-value">{view.tag}</span>{' '}
                <span class={`fig-tag ${view.tagMatches ? 'is-good' : 'is-bad'}`}>
                  {view.tagMatches ? text.tagMatches : text.anotherVmcb}
                </span>
              </>
            )}
          </span>
        </div>
        <ul>
          {view.groups.map((group) => (
            <Group key={group.group} group={group} />
          ))}
        </ul>
      </div>
    </Figure>
  )
}

const USES: Readonly<Record<GroupUse, string>> = {
  memory: text.memoryIsUsed,
  cache: text.copyIsUsed,
  either: text.eitherMayBeUsed,
}

function Group({ group }: { readonly group: CachedGroupRow }) {
  const { name, bit, description, isClean, isKept, use, reason, isStale, fields } = group
  return (
    <li class={`fig-group uses-${use}${isStale ? ' is-stale' : ''}`} data-group={group.group}>
      <div class="fig-group-name">
        <b>{name}</b> {description !== name && <span class="fig-soft">{description}</span>}
        {isStale && <span class="fig-tag is-bad">{text.stale}</span>}
      </div>
      <Side fields={fields} side="memory" isUsed={use !== 'cache'} isThere />
      <div class="fig-clean" title={reason}>
        <span class="fig-bit">
          <span class="fig-bit-number">{text.bitNumber(bit)}</span>
          <b>{isClean ? 1 : 0}</b>
        </span>
        <UseArrow use={use} />
        <span class="fig-use">{USES[use]}</span>
      </div>
      <Side fields={fields} side="cache" isUsed={use !== 'memory'} isThere={isKept} />
      <p class="fig-group-reason fig-soft">{reason}</p>
    </li>
  )
}

/** Points at the side that is used. */
function UseArrow({ use }: { readonly use: GroupUse }) {
  return (
    <svg viewBox="0 0 60 14" width="60" height="14" aria-hidden="true" class="fig-use-arrow">
      <path d="M10 7 H50" stroke-dasharray={use === 'either' ? '4 3' : undefined} />
      {use !== 'cache' && <path class="is-head" d="M12 1 L2 7 L12 13 z" />}
      {use !== 'memory' && <path class="is-head" d="M48 1 L58 7 L48 13 z" />}
    </svg>
  )
}

interface SideProps {
  readonly fields: readonly CachedFieldRow[]
  readonly side: 'memory' | 'cache'
  readonly isUsed: boolean
  readonly isThere: boolean
}

/** Groups of many fields show those that differ; the others are there on request. */
const MANY = 4

function Side({ fields, side, isUsed, isThere }: SideProps) {
  const label = side === 'memory' ? text.inMemory : text.inTheCopy
  const differing = fields.filter(({ differs }) => differs)
  const [first, rest] =
    fields.length <= MANY ? [fields, []] : [differing, fields.filter(({ differs }) => !differs)]
  return (
    <div class={`fig-side is-${side}${isUsed ? ' is-used' : ''}${isThere ? '' : ' is-missing'}`}>
      <span class="fig-side-label">{label}</span>
      {isThere ? (
        <>
          <Fields fields={first} side={side} />
          {rest.length > 0 && (
            <details>
              <summary>
                {first.length > 0 ? text.moreAlike(rest.length) : plural(rest.length, 'field')}
              </summary>
              <Fields fields={rest} side={side} />
            </details>
          )}
        </>
      ) : (
        <span class="fig-soft">{text.noCopy}</span>
      )}
    </div>
  )
}

function Fields({ fields, side }: Pick<SideProps, 'fields' | 'side'>) {
  return (
    <dl>
      {fields.map(({ key, name, inMemory, inCache, differs }) => (
        <div key={key} class={differs ? 'differs' : ''}>
          <dt>{name}</dt>
          <dd class="fig-value">
            {differs && <span aria-label={text.differsSpoken}>≠ </span>}
            {side === 'memory' ? inMemory : inCache}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function CacheTable({ view }: { readonly view: StateCacheView }) {
  return (
    <table>
      <caption>{text.vmcbAndCopy(view.vmcb, view.tag, view.tagMatches)}</caption>
      <TableHead columns={text.cacheColumns} />
      <tbody>
        {view.groups.flatMap(({ group, name, bit, isClean, use, fields, reason }) =>
          fields.map((field, index) => (
            <tr key={field.key}>
              <td>{index === 0 ? name : <span class="fig-hidden">{name}</span>}</td>
              <td>{index === 0 ? `${text.bitNumber(bit)}: ${isClean ? 1 : 0}` : ''}</td>
              <th scope="row">{field.name}</th>
              <td class="fig-value">{field.inMemory}</td>
              <td class="fig-value">
                {field.inCache ?? '—'}
                {field.differs && <b> {text.differs}</b>}
              </td>
              <td key={group}>{index === 0 ? `${USES[use]}. ${reason}` : ''}</td>
            </tr>
          )),
        )}
      </tbody>
    </table>
  )
}
