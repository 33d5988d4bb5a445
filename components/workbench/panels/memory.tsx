/** Memory from an address or a symbol on, physical or linear: in numbers, as a page table, as a VMCB. */
import { useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import { AddressInput } from '../address-input.tsx'
import { MemoryChange, MemorySearch } from '../memory/tools.tsx'
import { Dump } from '../memory/dump.tsx'
import { TableOverlay, VmcbOverlay } from '../memory/overlays.tsx'
import { UNITS, type TableShift, type Unit } from '../memory/units.ts'
import { useStretch } from '../memory/use-stretch.ts'
import { useProcessor } from '../processor-choice.tsx'
import type { RunView } from '../protocol.ts'
import { isOneOf, useRemembered } from '../remembered.ts'
import type { MemorySpace } from '../state-protocol.ts'
import type { LabStore } from '../store.ts'
import type { PanelProps } from './registry.tsx'

const DUMP_BYTES = 256
const PAGE = 4096

const VIEWS = ['bytes', 'words', 'doublewords', 'quadwords', 'page table', 'VMCB'] as const
type ViewKind = (typeof VIEWS)[number]
const SPACES = ['physical', 'linear'] as const

function isUnit(kind: ViewKind): kind is Unit {
  return kind in UNITS
}

export function MemoryPanel({ store, view }: PanelProps) {
  const { processor } = useProcessor(store, view)
  const [expression, setExpression] = useState(() => initialExpression(store, view))
  const [kind, setKind] = useRemembered<ViewKind>(store, 'memory-view', 'bytes', isOneOf(VIEWS))
  const [space, setSpace] = useRemembered<MemorySpace>(store, 'memory-space', 'physical', isOneOf(SPACES))
  const [shift, setShift] = useState<TableShift>(39)
  const length = isUnit(kind) ? DUMP_BYTES : PAGE
  const shown = useStretch(store, view, { expression, length, space, processor })
  const stretch = shown?.stretch
  const symbols = store.symbols.value

  const go = (address: bigint): void => setExpression(`0x${address.toString(16)}`)
  const move = (bytes: number): void => {
    if (stretch?.ok !== true) return
    const address = stretch.address + BigInt(bytes)
    go(address < 0n ? 0n : address)
  }
  return (
    <>
      <div class="wb-memory-bar">
        <AddressInput store={store} label={text.address} expression={expression} onEnter={setExpression} />
        <button type="button" class="wb-button" onClick={() => move(-length)}>
          {text.earlier}
        </button>
        <button type="button" class="wb-button" onClick={() => move(length)}>
          {text.later}
        </button>
        <label>
          {text.takenAs}{' '}
          <select
            value={kind}
            onChange={({ currentTarget }) => setKind(VIEWS.find((one) => one === currentTarget.value)!)}
          >
            {VIEWS.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <label>
          {text.addressesAre}{' '}
          <select
            value={space}
            onChange={({ currentTarget }) => setSpace(SPACES.find((one) => one === currentTarget.value)!)}
          >
            <option value="physical">{text.physical}</option>
            <option value="linear">{text.linearOf(processor)}</option>
          </select>
        </label>
      </div>
      <RegisterShortcuts view={view} processor={processor} onGo={go} onRoot={openRoot} />
      {stretch?.ok === false && <p class="wb-error">{stretch.message}</p>}
      {stretch?.ok === true && isUnit(kind) && (
        <Dump stretch={stretch} before={shown?.before} unit={kind} symbols={symbols} onFollow={go} />
      )}
      {stretch?.ok === true && kind === 'page table' && (
        <TableOverlay
          bytes={stretch.bytes}
          shift={shift}
          onShift={setShift}
          onFollow={(address, next) => {
            // Tables hold physical addresses.
            setSpace('physical')
            go(BigInt(address))
            if (next === undefined) setKind('quadwords')
            else setShift(next)
          }}
        />
      )}
      {stretch?.ok === true && kind === 'VMCB' && (
        <VmcbOverlay bytes={stretch.bytes} before={shown?.before} />
      )}
      <MemorySearch
        store={store}
        onGo={(address) => {
          setSpace('physical')
          go(address)
        }}
      />
      <MemoryChange store={store} address={stretch?.ok === true ? (stretch.physical ?? 0) : 0} />
    </>
  )

  function openRoot(address: bigint): void {
    setSpace('physical')
    setKind('page table')
    setShift(39)
    go(address)
  }
}

interface ShortcutsProps {
  readonly view: RunView
  readonly processor: number
  readonly onGo: (address: bigint) => void
  readonly onRoot: (address: bigint) => void
}

/** Places that registers point to. */
function RegisterShortcuts({ view, processor, onGo, onRoot }: ShortcutsProps) {
  const { rip, general, system, guest } = view.cpus[processor]
  const root = (register: bigint): bigint => register & 0xf_ffff_ffff_f000n
  return (
    <p class="wb-places">
      <span class="wb-soft">{text.goTo}</span>
      <Place name="RIP" onClick={() => onGo(rip)} />
      <Place name="RSP" onClick={() => onGo(general.rsp)} />
      <Place name={text.cr3AsTable} onClick={() => onRoot(root(system.cr3))} />
      {guest?.nestedPaging === true && (
        <Place name={text.nCr3AsTable} onClick={() => onRoot(root(guest.nCr3))} />
      )}
    </p>
  )
}

function Place({ name, onClick }: { readonly name: string; readonly onClick: () => void }) {
  return (
    <button type="button" class="wb-small-button" onClick={onClick}>
      {name}
    </button>
  )
}

/** The first VMCB, else the program. */
function initialExpression(store: LabStore, view: RunView): string {
  const symbol = store.opened.value?.lab.files.find((file) => file.symbol !== undefined)?.symbol
  return symbol ?? `0x${view.cpu.rip.toString(16)}`
}
