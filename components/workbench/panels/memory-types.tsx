/** Memory types: the PATs in force, how the type of an entry in the TLB came about, and a calculator with the same PATs. */
import { useState } from 'preact/hooks'
import type { TlbEntry } from '../../../emulator/machine/index.ts'
import { MemoryTypeCalculator, PatFigure, TypeDerivationFigure } from '../../figures/memory-types.tsx'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import { ProcessorChoice, useAnswer, useProcessor } from './answers.tsx'
import type { PanelProps } from './registry.tsx'

export function MemoryTypesPanel(props: PanelProps) {
  const { view } = props
  const [processor, choose] = useProcessor(view)
  const tlb = useAnswer(props, (client) => client.tlb(processor), [processor])
  const { guest, system } = view.cpus[processor]
  const ownPat = guest?.nestedPaging ? guest.gPat : undefined
  return (
    <div class="wb-memory-types">
      <ProcessorChoice view={view} processor={processor} choose={choose} />
      {ownPat !== undefined && <PatFigure name={text.guestPat} value={ownPat} />}
      <PatFigure name={ownPat === undefined ? text.pat : text.hostPat} value={system.pat} />
      <section>
        <h4>{text.entryOfTlb}</h4>
        {tlb && <Entry entries={tlb.answer.entries} asid={guest?.asid ?? 0} />}
      </section>
      <section>
        <h4>{text.whatIf}</h4>
        <MemoryTypeCalculator
          key={`${ownPat} ${system.pat}`}
          guestPat={ownPat ?? system.pat}
          hostPat={system.pat}
          isNested={ownPat !== undefined}
        />
      </section>
    </div>
  )
}

interface EntryProps {
  readonly entries: readonly TlbEntry[]
  /** Of what runs: its entries come first. */
  readonly asid: number
}

function keyOf({ asid, pcid, linear }: TlbEntry): string {
  return `${asid} ${pcid} ${linear}`
}

function Entry({ entries, asid }: EntryProps) {
  const [chosen, choose] = useState<string>()
  const sorted = entries.toSorted(
    (a, b) => Number(b.asid === asid) - Number(a.asid === asid) || (a.linear < b.linear ? -1 : 1),
  )
  const entry = sorted.find((one) => keyOf(one) === chosen) ?? sorted.at(0)
  if (entry === undefined) return <p class="wb-soft">{text.tlbIsEmpty}</p>
  return (
    <>
      <div class="wb-figure-bar">
        <label>
          {text.page}{' '}
          <select value={keyOf(entry)} onChange={({ currentTarget }) => choose(currentTarget.value)}>
            {sorted.map((one) => (
              <option key={keyOf(one)} value={keyOf(one)}>
                {one.asid === 0 ? text.asHost : text.asidOf(one.asid)}: {hex(one.linear)},{' '}
                {one.memoryType.effective}
              </option>
            ))}
          </select>
        </label>
      </div>
      <TypeDerivationFigure sources={entry.memoryType} />
    </>
  )
}
