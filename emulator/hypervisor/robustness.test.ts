import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { L0Options } from './index.ts'
import { L1_BYTES, loadWords, NESTED, prepare, VMCB, vmcbImage } from './l0.fixture.ts'
import { MIGRATION_POINTS } from './migration.ts'

/** What L1 or L2 touched of L0's area, with this vmcb12 and these entries for the pages that L2 has at 60000h. */
function trespasses(vmcb12: Uint8Array, entries: readonly bigint[], policy: L0Options = {}): string[] {
  const l2 = `
      mov rax, [0x60000]
      mov [0x61000], rax
      mov rax, ${L1_BYTES + 0x1000}
      vmsave
      vmload
      mov ecx, 0x10
      wrmsr
      vmmcall`
  const { machine, l0 } = prepare(true, { l2, options: { history: false }, policy })
  machine.load(VMCB, vmcb12)
  loadWords(machine, NESTED + 0x1000, [BigInt(NESTED + 0x2000) | 7n])
  loadWords(machine, NESTED + 0x2000, [BigInt(NESTED + 0x3000) | 7n])
  const identity = Array.from({ length: 0x60 }, (_, page) => BigInt(page * 4096) | 7n)
  loadWords(machine, NESTED + 0x3000, [...identity, ...entries])
  const found: string[] = []
  const watch = (what: string, address: number): void => {
    if (address >= L1_BYTES && address < l0!.map.end) found.push(`${what} ${address.toString(16)}h`)
  }
  machine.listen(['access', 'walk'], (heard) => {
    if (heard.kind === 'access') watch('access', heard.event.address)
    // Nested walks read L0's own tables; the guest's must lead nowhere near.
    if (heard.kind === 'walk' && !heard.event.nested) watch('walk', heard.event.address)
  })
  const { reason } = machine.run(600)
  expect(['budget', 'halted-forever', 'shutdown', 'debug-exit']).toContain(reason)
  return found
}

/** A legal vmcb12 with some bytes replaced: more of these get past the checks than of random bytes. */
const almostLegal = fc.array(fc.tuple(fc.nat(0x6ff), fc.nat(255)), { maxLength: 6 }).map((changes) => {
  const image = vmcbImage({ 'control.nested_control': 1n, 'control.n_cr3': BigInt(NESTED) })
  for (const [at, byte] of changes) image[at] = byte
  return image
})
/** A guest in legacy PAE paging without nested paging, whose PDPEs L0 reads at any address of 32 bits. */
const paeGuest = fc
  .nat(0xffff_ffff)
  .map((cr3) => vmcbImage({ 'save.efer': 0x1000n, 'save.cr3': BigInt(cr3), 'save.cs.attrib': 0xc9bn }))
const anyBytes = fc.uint8Array({ minLength: 4096, maxLength: 4096 })

/** Table entries that lead anywhere, half of them into L0's area. */
const entry = fc.oneof(
  fc.nat(0x3ff).map((page) => (BigInt(page) << 12n) | 7n),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
)

/** A user who moves the vCPU, and scales its time. */
const policies = fc.record({
  migration: fc.option(
    fc.record({ msrs: fc.constantFrom('before', 'after'), at: fc.subarray([...MIGRATION_POINTS]) }),
    { nil: undefined },
  ),
  tscRatio: fc.bigInt(0n, (1n << 40n) - 1n),
})

describe('L0', () => {
  it('survives any vmcb12 and any nested tables, and lets nobody into its pages', () => {
    fc.assert(
      fc.property(
        fc.oneof(almostLegal, paeGuest, anyBytes),
        fc.array(entry, { minLength: 2, maxLength: 2 }),
        policies,
        (vmcb12, entries, policy) => {
          expect(trespasses(vmcb12, entries, policy)).toEqual([])
        },
      ),
      { numRuns: 80, seed: 4 },
    )
  })

  it('is not reached by VMSAVE and VMLOAD of L1 or L2: such an operand ends L1', () => {
    for (const l2 of [`mov rax, ${L1_BYTES}\n vmsave`, `mov rax, ${L1_BYTES + 0x10_0000}\n vmload`]) {
      const { machine } = prepare(true, { l2 })
      const before = machine.readMemory(L1_BYTES, 0x1000)
      expect(machine.run(1000).reason).toBe('shutdown')
      expect(before.every((byte) => byte === 0)).toBe(true)
    }
  })

  it('refuses saved states that it cannot have given, and any other leaves it able to go on', () => {
    const { machine, l0 } = prepare(true, {
      vmcb: { 'control.nested_control': 1n, 'control.n_cr3': BigInt(NESTED) },
    })
    machine.run(12)
    const saved = l0!.save()
    fc.assert(
      fc.property(fc.nat(saved.length - 1), fc.nat(0xffff_ffff), (at, word) => {
        const changed = saved.with(at, word)
        try {
          l0!.restore(changed)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
          return
        }
        machine.run(50)
      }),
      { numRuns: 100, seed: 4 },
    )
  })
})
