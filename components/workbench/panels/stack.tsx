/** The stack from the top down, in the size that the code has, with what return addresses and pointers lead to. */
import { useId } from 'preact/hooks'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import { cellsOf, symbolFor } from '../memory/units.ts'
import { useStretch } from '../memory/use-stretch.ts'
import { ProcessorTabs, useProcessor } from '../processor-choice.tsx'
import type { PanelProps } from './registry.tsx'

const SLOTS = 32

/** Bytes that a PUSH takes in a mode, as CpuState names it. */
function slotBytes(mode: string): 2 | 4 | 8 {
  if (mode.includes('64-bit')) return 8
  return mode.includes('32-bit') ? 4 : 2
}

export function StackPanel({ store, view }: PanelProps) {
  const prefix = useId()
  const chosen = useProcessor(store, view)
  const { processor, cpu } = chosen
  const size = slotBytes(cpu.mode)
  const base = size === 8 ? 0n : cpu.segments.ss.base
  const top = BigInt.asUintN(64, base + BigInt.asUintN(size * 8, cpu.general.rsp))
  const frame = BigInt.asUintN(64, base + BigInt.asUintN(size * 8, cpu.general.rbp))
  const shown = useStretch(store, view, {
    expression: `0x${top.toString(16)}`,
    length: SLOTS * size,
    space: 'linear',
    processor,
  })
  const stretch = shown?.stretch
  return (
    <>
      <ProcessorTabs view={view} prefix={prefix} {...chosen} />
      <div id={`${prefix}-panel`} role={view.cpus.length === 1 ? undefined : 'tabpanel'}>
        {stretch?.ok === false && <p class="wb-error">{text.noStack(stretch.message)}</p>}
        {stretch?.ok === true && (
          <table class="wb-dump wb-stack">
            <caption>{text.topOfStack(processor, size)}</caption>
            <thead>
              <tr>
                <th scope="col">{text.address}</th>
                <th scope="col">{text.value}</th>
                <th scope="col">{text.registers}</th>
                <th scope="col">{text.leadsTo}</th>
              </tr>
            </thead>
            <tbody>
              {cellsOf(stretch.bytes, size, shown?.before).map(({ offset, value, hasChanged }) => {
                const address = stretch.address + BigInt(offset)
                const marks = [...(address === top ? ['RSP'] : []), ...(address === frame ? ['RBP'] : [])]
                return (
                  <tr key={offset}>
                    <th scope="row">{hex(address)}</th>
                    <td class={hasChanged ? 'is-changed' : value === 0n ? 'is-zero' : ''}>
                      {value
                        .toString(16)
                        .toUpperCase()
                        .padStart(size * 2, '0')}
                      {hasChanged && <span class="wb-hidden"> ({text.changed})</span>}
                    </td>
                    <td class="wb-stack-marks">{marks.join(', ')}</td>
                    <td>{symbolFor(value, store.symbols.value) ?? ''}</td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        )}
      </div>
    </>
  )
}
