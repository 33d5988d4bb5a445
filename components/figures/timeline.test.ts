import { describe, expect, test } from 'vitest'
import type { Machine } from '../../emulator/machine/index.ts'
import type { Mark } from '../workbench/protocol.ts'
import { createTimeline } from '../workbench/service/timeline.ts'
import {
  neighbour,
  scrolledTo,
  timelineView,
  wholeSpan,
  worldAt,
  zoomed,
  type TimelineRecord,
} from './timeline-view.ts'
import { VMCB, worldMachine } from './worlds.fixture.ts'

function recorded(): { machine: Machine; record: TimelineRecord } {
  const machine = worldMachine({ guest: 'nop\n nop\n nop\n vmmcall' })
  machine.run(100)
  return {
    machine,
    record: { ...createTimeline().read(machine), extent: machine.instructions, processors: 1 },
  }
}

describe('the timeline of a run', () => {
  const { machine, record } = recorded()

  test('has the guest between VMRUN and #VMEXIT', () => {
    const view = timelineView(record, wholeSpan(record), record.extent * 10)
    expect(view.lanes[0].bands.map(({ world }) => world)).toEqual(['host', 'guest', 'host'])
    expect(view.guests).toEqual(['VMCB 20000h'])
    expect(view.lanes[0].marks.exit).toHaveLength(1)
    expect(view.lanes[0].marks.exit[0].label).toContain('VMMCALL')
  })

  test('says which world the machine is in at each position', () => {
    for (let position = 0; position <= record.extent; position++) {
      machine.goTo(position)
      expect([position, worldAt(record, 0, position)]).toEqual([position, machine.inspect().guest?.vmcb])
    }
  })

  test('goes from event to event', () => {
    const [vmrun, exit] = record.marks
    expect(neighbour(record, 0, 1)).toBe(vmrun)
    expect(neighbour(record, vmrun.at, 1)).toBe(exit)
    expect(neighbour(record, record.extent, -1)).toBe(exit)
    expect(neighbour(record, vmrun.at, -1)).toBeUndefined()
  })
})

test('a run of which only the end is known began in the guest that ends first', () => {
  const marks: Mark[] = [{ at: 60, kind: 'exit', processor: 0, label: '#VMEXIT(HLT)', vmcb: VMCB }]
  const { lanes } = timelineView({ extent: 100, processors: 1, marks }, { from: 0, to: 100 }, 100)
  expect(lanes[0].bands.map(({ from, to, world }) => [from, to, world])).toEqual([
    [0, 60, 'guest'],
    [60, 100, 'host'],
  ])
})

describe('zooming', () => {
  const record: TimelineRecord = { position: 500, extent: 1000, processors: 1, marks: [] }

  test('keeps the place that it is about', () => {
    expect(zoomed(record, { from: 0, to: 1000 }, 0.5, 500)).toEqual({ from: 250, to: 750 })
    expect(zoomed(record, { from: 250, to: 750 }, 0.5, 250)).toEqual({ from: 250, to: 500 })
  })

  test('never leaves the run', () => {
    expect(zoomed(record, { from: 0, to: 1000 }, 2, 900)).toEqual({ from: 0, to: 1000 })
    expect(zoomed(record, { from: 900, to: 1000 }, 3, 950)).toEqual({ from: 700, to: 1000 })
    expect(scrolledTo(record, { from: 0, to: 100 }, 990)).toEqual({ from: 900, to: 1000 })
  })

  test('follows the position only when it is out of sight', () => {
    expect(scrolledTo(record, { from: 100, to: 200 }, 150)).toEqual({ from: 100, to: 200 })
    expect(scrolledTo(record, { from: 100, to: 200 }, 500)).toEqual({ from: 450, to: 550 })
  })
})

describe('a hundred thousand events', () => {
  const EVENTS = 100_000
  const marks = Array.from({ length: EVENTS }, (_, n): Mark => {
    const processor = (n >> 1) & 1
    return n & 1
      ? { at: n * 10, kind: 'exit', processor, label: '#VMEXIT(CPUID)', vmcb: 0x2_0000 }
      : { at: n * 10, kind: 'vmrun', processor, label: 'VMRUN', vmcb: 0x2_0000 }
  })
  const record: TimelineRecord = { position: 0, extent: EVENTS * 10, processors: 2, marks }

  test('become no more than one bucket a column, and none is lost', () => {
    const { lanes } = timelineView(record, wholeSpan(record), 500)
    for (const { bands, marks } of lanes) {
      expect(marks.exit.length).toBeLessThanOrEqual(500)
      expect(bands.length).toBeLessThanOrEqual(500)
    }
    const exits = lanes.flatMap(({ marks }) => marks.exit).reduce((sum, bucket) => sum + bucket.count, 0)
    expect(exits).toBe(EVENTS / 2)
  })

  test('are each seen at last by zooming in', () => {
    const { lanes } = timelineView(record, { from: 500_000, to: 500_100 }, 500)
    expect(lanes[0].marks.exit.every((bucket) => bucket.count === 1)).toBe(true)
    expect(lanes[0].bands.some(({ world }) => world === 'guest')).toBe(true)
  })
})
