import { expect, test } from 'vitest'
import { Machine, type CpuState } from '../machine/index.ts'
import { exportCommands, exportImage, type ExportResult } from './export.ts'
import { exitFacts } from './facts.ts'
import { editedLab, labFiles } from './lab.fixture.ts'
import { parseLab, type LabFiles } from './parse.ts'
import { LabSession } from './session.ts'

const MIB = 0x10_0000
/** The stub clears RAM word by word before anything else. */
const STUB = 10_000_000

function usable(files: LabFiles) {
  const { lab, start, solution } = parseLab('test', files)
  if (lab === undefined) throw new Error('the lab cannot be read')
  const session = new LabSession(lab)
  return { lab, session, built: session.build(new Map([...start, ...solution])) }
}

function boot(exported: ExportResult): Machine {
  if (!exported.ok) throw new Error(exported.reason)
  const machine = new Machine({ ramBytes: exported.memory * MIB, history: false })
  machine.boot({ kernel: exported.image, commandLine: 'lab', modules: [] })
  return machine
}

/** Everything but how many instructions it took to get there. */
function registers(state: CpuState): CpuState {
  return { ...state, instructions: 0 }
}

/** A program at 10000h that goes round in two bytes. */
const LOOP = 'org 0x10000\nstart:\nguest: jmp start\nalign 4096\nvmcb: resb 4096\n'

test.each(['long', 'protected', 'real'])(
  'the image brings a machine into the start state "%s", all registers and all of the RAM',
  (kind) => {
    const files = editedLab('lab.yaml', 'format: 1\n', `format: 1\nmachine: { start: ${kind}, memory: 4 }\n`)
    const program = kind === 'real' ? LOOP.replaceAll('0x10000', '0x8000') : LOOP
    const { lab, session, built } = usable(
      new Map([...files, ['start/main.asm', program], ['solution/main.asm', program]]),
    )
    expect(built.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
    session.reset(built)
    const machine = boot(exportImage(lab, built))
    // It ends in the endless loop that the program is.
    machine.run(STUB)
    expect(registers(machine.inspect())).toEqual(registers(session.machine.inspect()))
    session.run(10)
    const [ours, theirs] = [session.machine, machine].map((one) => one.readMemory(0, 4 * MIB))
    const different = [...ours.keys()].filter((at) => ours[at] !== theirs[at])
    // The processor marks the mapping of 4 MiB on, in which the stub runs, as accessed.
    expect(different).toEqual(kind === 'long' ? [0x3010] : [])
  },
)

test('what the image does in a machine is what the lab does: exits, VMCBs, ending', () => {
  const { lab, session, built } = usable(labFiles())
  session.reset(built)
  const end = session.run()
  const machine = boot(exportImage(lab, built))
  expect(machine.run(STUB).reason).toBe(end.reason)
  const [ours, theirs] = [session.machine, machine].map((one) => exitFacts(one.events.since()))
  expect(ours.length).toBeGreaterThan(0)
  expect(theirs).toEqual(ours)
  for (const { address } of built.vmcbs)
    expect(machine.readMemory(address, 4096)).toEqual(session.machine.readMemory(address, 4096))
})

test.each([
  ['machine: { caches: true }', /caches/],
  ['machine: { start: reset }', /RESET/],
])('a lab with %s is refused with the reason', (line, reason) => {
  const { lab, built } = usable(editedLab('lab.yaml', 'format: 1\n', `format: 1\n${line}\n`))
  const exported = exportImage(lab, built)
  expect(exported.ok ? '' : exported.reason).toMatch(reason)
})

test('a program where a PC has no RAM is refused', () => {
  const program = 'org 0xb8000\nstart:\nguest: jmp start\nalign 4096\nvmcb: resb 4096\n'
  const files = new Map([...labFiles(), ['start/main.asm', program], ['solution/main.asm', program]])
  const { lab, built } = usable(files)
  const exported = exportImage(lab, built)
  expect(exported.ok ? '' : exported.reason).toContain('A0000h')
})

test('the command lines name the file, the memory and the number of processors', () => {
  const { lab } = usable(labFiles())
  for (const { command } of exportCommands(lab, 'lab.elf', 21)) {
    expect(command).toContain('lab.elf')
    expect(command).toMatch(/(-m|--memory) 21 /)
  }
})
