import { describe, expect, it } from 'vitest'
import { checkLab } from './check.ts'
import { editedLab, labFiles } from './lab.fixture.ts'

function failures(files: Map<string, string>): string[] {
  return checkLab('new', files)
    .results.filter((result) => !result.passed)
    .map((result) => `${result.name}: ${result.detail}`)
}

/** A host that runs its guest twice, and in between has it find 42 in CR2: if VMRUN reads CR2, which it need not with `clean` 0x200. */
function staleCleanBits(clean: string): Map<string, string> {
  const main = `        org 0x10000
start:  mov rax, vmcb
        mov ebx, 2
again:  mov qword [rax + 0x578], guest
        mov qword [rax + 0xc0], ${clean}
        vmrun
        mov ecx, 42
        mov [rax + 0x640], rcx
        dec ebx
        jnz again
        hlt
guest:  mov rax, cr2
        vmmcall
        align 4096
vmcb:   resb 4096
`
  const files = labFiles({ 'solution/main.asm': main })
  files.set('lab.yaml', files.get('lab.yaml')!.replaceAll('exits: [vmmcall]', 'exits: [vmmcall, vmmcall]'))
  files.set('variants.yaml', files.get('variants.yaml')!.replaceAll('mov eax, 4', 'mov ecx, 4'))
  return files
}

/** The second processor stores to the guest's doubleword: before the guest does, if the guest waits for it; else at any time. */
function race(wait: string): Map<string, string> {
  const main = `        org 0x10000
start:  mov edi, 0xfee00000
        mov dword [rdi + 0x300], 0xc4500
        mov dword [rdi + 0x300], 0xc4611
        mov rax, vmcb
        vmrun
        hlt
guest:  ${wait}
        mov dword [0x30000], 42
        mov ecx, 1000
again:  loop again
        mov eax, [0x30000]
        vmmcall
        times 0x1000 - ($ - $$) db 0
bits 16
        mov ax, 0x3000
        mov ds, ax
        mov dword [0], 41
        hlt
bits 64
        align 4096
vmcb:   resb 4096
`
  const files = labFiles({ 'solution/main.asm': main })
  files.set('lab.yaml', files.get('lab.yaml')! + 'machine: { cpus: 2 }\n')
  files.set('variants.yaml', files.get('variants.yaml')!.replaceAll('mov eax, 42', 'mov dword [0x30000], 42'))
  return files
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

  it('fails a solution that comes out right only where stale clean bits are ignored', () => {
    const found = failures(staleCleanBits('0x200'))
    expect(found[0]).toMatch(/solution meets every goal \(state cache: aggressive\): answer: save\.rax is 0/)
    expect(found[1]).toMatch(/state cache: random/)
  })

  it('fails a solution that reads what the manual leaves undefined', () => {
    const found = failures(editedLab('solution/main.asm', 'vmrun', 'vmrun\n        mov rbx, [vmcb + 0x78]'))
    expect(found).toContain(
      'the solution relies on nothing that the manual leaves undefined: it reads control.exit_info_1',
    )
  })

  it('fails a solution that a race decides, for a lab with several processors', () => {
    expect(failures(race('')).join('\n')).toMatch(/20 seeds\): with seed \d+: answer: save\.rax is/)
    expect(failures(race('cmp dword [0x30000], 0\n        je guest'))).toEqual([])
  })

  it('asks a lab that names a policy for no other', () => {
    const files = staleCleanBits('0x200')
    files.set(
      'lab.yaml',
      files.get('lab.yaml')!.replace('minutes: 5\n', 'minutes: 5\nmachine: { state_cache: lazy }\n'),
    )
    expect(failures(files)).toEqual([])
  })

  it('runs a variant under every policy, unless it names one', () => {
    const stale = `- id: stale
  title: The clean field is set
  edits:
    - { file: main.asm, replace: "qword [rax + 0xc0], 0", with: "qword [rax + 0xc0], 0x200" }
  fails: [answer]
`
    const files = staleCleanBits('0')
    files.set('variants.yaml', files.get('variants.yaml')! + stale)
    expect(failures(files)[0]).toMatch(/variant stale .* with a state cache that is lazy it fails no goal/)
    files.set('variants.yaml', files.get('variants.yaml')! + '  state_cache: aggressive\n')
    expect(failures(files)).toEqual([])
  })

  it('never waits for an endless loop: the limit of instructions ends it', () => {
    const found = failures(editedLab('solution/main.asm', 'mov eax, 42', 'jmp $'))
    expect(found[0]).toMatch(/there was no #VMEXIT/)
  })
})
