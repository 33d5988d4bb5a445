/** A small lab for tests, and a client that works without a worker. */
import { parseLab } from '../../emulator/lab/index.ts'
import { labKey } from '../reader/records.ts'
import { ClosedError, type Client } from './client.ts'
import type { LabPayload } from './protocol.ts'
import { WorkbenchService } from './service/service.ts'

const LAB_YAML = `
format: 1
title: Test
summary: A lab for tests.
objectives: [None]
minutes: 1
files:
  - name: main.asm
  - name: guest.vmcb
    symbol: vmcb
reveal: live
limits: { instructions: 1000000000 }
goals:
  - id: comes-back
    text: The guest comes back
    when: [{ exits: [vmmcall] }]
hints: [First, Second]
`

export const PROGRAM = `
        org 0x10000
start:  mov rdi, buffer
        mov ecx, 5
        rep stosb
        mov rax, vmcb
        vmrun
        hlt
guest:  vmmcall
buffer: times 8 db 0
        align 4096
vmcb:   resb 4096
`

export const ENDLESS = `
        org 0x10000
start:  jmp start
guest:
        align 4096
vmcb:   resb 4096
`

export const GOOD_VMCB = `
control.intercepts = vmrun, vmmcall
control.asid = 1
save.cs.attrib = 0x0a9b
save.ss.attrib = 0x0c93
save.efer = svme, lme, lma
save.cr0 = pe, et, ne, pg
save.cr3 = 0x1000
save.cr4 = pae
save.rip = guest
`

export const BAD_VMCB = GOOD_VMCB.replace('asid = 1', 'asid = 0')

/** As the site makes it of a lab's folder. Throws Error for a lab that cannot be read. */
export function payloadOf(slug: string, files: Readonly<Record<string, string>>): LabPayload {
  const { lab, start, solution, diagnostics } = parseLab(slug, new Map(Object.entries(files)))
  if (lab === undefined) throw new Error(diagnostics.map(({ message }) => message).join('; '))
  const texts = { start: Object.fromEntries(start), solution: Object.fromEntries(solution) }
  return { slug, key: labKey(slug, files), lab, ...texts }
}

export const LAB_FILES = {
  'lab.yaml': LAB_YAML,
  'start/main.asm': PROGRAM,
  'start/guest.vmcb': BAD_VMCB,
  'solution/guest.vmcb': GOOD_VMCB,
}

export const PAYLOAD = payloadOf('test', LAB_FILES)

export const GOOD_TEXTS = { 'main.asm': PROGRAM, 'guest.vmcb': GOOD_VMCB }

/** The service itself behind the client's interface; calls that are under way when it is closed fail. `crash`: the next run ends with an error. */
export function localClient(options: { crash?: boolean; closed?: () => void } = {}): Client {
  const service = new WorkbenchService()
  let isClosed = false
  return new Proxy({} as Client, {
    get(_, name: keyof Client | 'then') {
      if (name === 'close')
        return () => {
          isClosed = true
          options.closed?.()
        }
      if (name === 'then') return undefined
      const call = service[name].bind(service) as (...args: unknown[]) => unknown
      return (...args: unknown[]) =>
        name === 'run' && options.crash === true
          ? Promise.reject(new Error('out of memory'))
          : Promise.resolve()
              .then(() => call(...args))
              .finally(() => {
                if (isClosed) throw new ClosedError()
              })
    },
  })
}
