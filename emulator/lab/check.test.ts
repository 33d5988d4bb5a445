import { describe, expect, it } from 'vitest'
import { checkLab } from './check.ts'
import { editedLab, labFiles } from './lab.fixture.ts'

function failures(files: Map<string, string>): string[] {
  return checkLab('new', files)
    .results.filter((result) => !result.passed)
    .map((result) => `${result.name}: ${result.detail}`)
}

describe('lab check', () => {
  it('passes the lab that "lab new" makes', () => {
    expect(failures(labFiles())).toEqual([])
  })

  it('fails a lab whose start already meets the goals', () => {
    const [first] = failures(editedLab('start/main.asm', 'xor eax, eax', 'mov eax, 42'))
    expect(first).toMatch(/start does not meet the goals/)
  })

  it('fails a solution that misses a goal, with what was found', () => {
    const found = failures(editedLab('solution/main.asm', 'mov eax, 42', 'mov eax, 41'))
    expect(found[0]).toMatch(/solution meets every goal \(evaluate\): answer: save\.rax is 29h/)
  })

  it('fails a solution that does not assemble, with the place', () => {
    expect(failures(editedLab('solution/main.asm', 'mov eax, 42', 'mov eax, rbx'))[0]).toMatch(
      /main\.asm:8:\d+/,
    )
  })

  it('fails a variant that fails other goals than it names', () => {
    const found = failures(editedLab('variants.yaml', 'fails: [comes-back, answer]', 'fails: [comes-back]'))
    expect(found[0]).toMatch(/variant no-asid .* it fails comes-back, answer/)
  })

  it('fails a variant whose edit does not apply exactly once', () => {
    expect(failures(editedLab('variants.yaml', 'replace: "mov eax, 42"', 'replace: "mov"'))[0]).toMatch(
      /occurs \d+ times/,
    )
  })

  it('wants a cheat variant and a variant for each goal', () => {
    const found = failures(editedLab('variants.yaml', '  cheat: true\n', ''))
    expect(found).toEqual(['a cheat variant is refused: no variant is marked as the cheat'])
  })

  it('never waits for an endless loop: the limit of instructions ends it', () => {
    const found = failures(editedLab('solution/main.asm', 'mov eax, 42', 'jmp $'))
    expect(found[0]).toMatch(/there was no #VMEXIT/)
  })
})
