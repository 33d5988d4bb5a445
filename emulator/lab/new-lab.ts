/** The lab that `world-switch lab new` makes: small, complete, and passing its own check. */

const LAB = `format: 1
title: A new lab
summary: The guest is to leave 42 in RAX.
objectives:
  - Say what the reader can do afterwards.
minutes: 5
files:
  - name: main.asm
  - name: guest.vmcb
    symbol: vmcb
panels: [exits, registers, vmcb]
goals:
  - id: comes-back
    text: The guest runs and comes back with VMMCALL
    when:
      - exits: [vmmcall]
  - id: answer
    text: The guest leaves 42 in RAX
    when:
      - exits: [vmmcall]
      - vmcb: { at: vmcb, field: save.rax, equals: 42 }
hints:
  - The guest's RAX is in the VMCB after the exit.
manual:
  - APM vol 2 §15.5
`

function program(answer: string): string {
  return `; Host: runs the guest once.
        org 0x10000
start:  mov rax, vmcb
        vmrun
        hlt

; Guest.
guest:  ${answer}
        vmmcall

        align 4096
vmcb:   resb 4096
`
}

const VMCB = `; A 64-bit guest on the host's page tables.
control.intercepts = vmrun, vmmcall
control.asid = 1
save.cs.attrib = 0x0a9b
save.ss.attrib = 0x0c93
save.efer = svme, lme, lma
save.cr0 = pe, et, ne, wp, pg
save.cr3 = 0x1000
save.cr4 = pae
save.rflags = 2
save.rip = guest
`

const VARIANTS = `- id: wrong-answer
  title: The guest leaves another number
  edits:
    - { file: main.asm, replace: "mov eax, 42", with: "mov eax, 41" }
  fails: [answer]
- id: no-asid
  title: ASID 0
  edits:
    - { file: guest.vmcb, replace: "control.asid = 1", with: "control.asid = 0" }
  fails: [comes-back, answer]
- id: host-writes-it
  title: The host writes the number itself and never runs the guest
  edits:
    - { file: main.asm, replace: "        vmrun\\n", with: "        mov qword [rax + 0x5f8], 42\\n" }
  fails: [comes-back, answer]
  cheat: true
`

/** The files of a new lab by path. */
export function newLabFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['lab.yaml', LAB],
    ['variants.yaml', VARIANTS],
    [
      'README.md',
      '# A new lab\n\nNotes for instructors: what readers stumble over, what to ask afterwards.\n',
    ],
    ['start/main.asm', program('xor eax, eax           ; your turn')],
    ['start/guest.vmcb', VMCB],
    ['solution/main.asm', program('mov eax, 42')],
  ])
}
