/** The figure of one page-table entry, bit by bit. */
import { patSlot } from '../../emulator/machine/index.ts'
import { dissectFields } from '../workbench/dissection.ts'
import { Dissector } from '../workbench/dissector.tsx'
import { hex } from '../workbench/format.ts'
import { Figure } from './figure.tsx'
import { entryName, pageEntryBits } from './page-entry-bits.ts'

interface PageEntryProps {
  readonly value: bigint
  /** Of its table, in the tables of long mode: 12 for a page table, 21, 30, 39, 48. */
  readonly shift: number
}

const PS = 0x80n
const LONG_MODE = [39, 30, 21, 12].map((shift) => ({ shift, bits: 9 }))

export function PageEntryFigure({ value, shift }: PageEntryProps) {
  const isLeaf = shift === 12 || (shift < 39 && (value & PS) !== 0n)
  const bits = pageEntryBits({ shift, isLeaf, bytes: 8 }, LONG_MODE)
  const name = entryName({ shift })
  const slot = patSlot(Number(BigInt.asUintN(32, value)), shift > 12)
  return (
    <Figure
      name="page-entry"
      title={`${name}, bit by bit`}
      summary={isLeaf ? `It maps a page and selects slot ${slot} of the PAT.` : 'It points to a table.'}
      table={() => (
        <table>
          <caption>{name}</caption>
          <tbody>
            {dissectFields(value, 8, bits).map((field) => (
              <tr key={field.bits}>
                <td>{field.bits}</td>
                <th scope="row">{field.name}</th>
                <td class="fig-value">{hex(field.value)}</td>
                <td>{field.description}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    >
      <Dissector name={name} value={value} bytes={8} bits={bits} />
    </Figure>
  )
}
