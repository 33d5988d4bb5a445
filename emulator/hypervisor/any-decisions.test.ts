import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDecisions } from './decisions.ts'
import { L1_BYTES, NESTED_PAGING, prepare } from './l0.fixture.ts'

const names = fc.constantFrom(
  ...['default', 'control', 'save', 'save.cs', 'save.g_pat', 'save.rip', 'save.efer', 'save.cr0', 'save.cr3'],
  ...[
    'control.intercept_vector_4',
    'control.n_cr3',
    'control.nested_control',
    'control.asid',
    'control.event_inj',
  ],
)
const one = (...values: readonly string[]) => fc.constantFrom(...values)
const field = fc.record(
  {
    copy: one('area-cache', 'save-cache', 'control-cache', 'own', 'none'),
    check: one('copy', 'live', 'none'),
    use: one('copy', 'live', 'vmcb01'),
    write_back: one('as-hardware', 'none'),
  },
  { requiredKeys: [] },
)
/** JSON is YAML. */
const text = fc
  .record({
    format: fc.constant(1),
    title: fc.constant('Any'),
    fields: fc.dictionary(names, field, { maxKeys: 5 }),
    pat: fc.record({
      l2_msr: one('g-pat', 'h-pat'),
      h_pat_write_dirties: one('both', 'current'),
      host_accesses: one('h-pat', 'as-the-guest'),
    }),
    saved_state: fc.record({
      g_pat: one('none', 'msrs', 'save-area', 'header'),
      valid_flag: fc.boolean(),
      check_l1_g_pat: one('never', 'with-vmcb12-controls'),
      fill_l1_g_pat: one('keep', 'host-pat'),
    }),
    shared_pat_quirk: one('absent', 'on', 'off'),
  })
  .map((decisions) => JSON.stringify(decisions))

const vmcb12 = fc.record({
  'save.g_pat': fc.bigInt(0n, 2n ** 64n - 1n),
  'control.nested_control': fc.constantFrom(0n, 1n),
  'control.asid': fc.constantFrom(0n, 1n),
  'control.event_inj': fc.constantFrom(0n, 0x8000_0303n, 0x8000_0b0en),
  'save.cr3': fc.constantFrom(0x1000n, BigInt(L1_BYTES), 1n << 60n),
})
const migration = fc.constantFrom(undefined, { msrs: 'before' } as const, { msrs: 'after' } as const)

describe('any l0.yaml', () => {
  it('is refused or obeyed: L0 never throws, and L1 ends or goes on', () => {
    let obeyed = 0
    fc.assert(
      fc.property(text, vmcb12, migration, (written, fields, moved) => {
        const { decisions, diagnostics } = parseDecisions('l0.yaml', written)
        if (decisions === undefined) {
          expect(diagnostics.length).toBeGreaterThan(0)
          return
        }
        obeyed++
        const l2 = 'mov ecx, 0x277\n rdmsr\n wrmsr\n mov rax, [0x60000]\n vmmcall'
        const { machine } = prepare(true, {
          l2,
          vmcb: { ...NESTED_PAGING, ...fields },
          options: { history: false },
          policy: { decisions, migration: moved },
        })
        expect(['budget', 'halted-forever', 'shutdown']).toContain(machine.run(800).reason)
      }),
      { numRuns: 80 },
    )
    expect(obeyed).toBeGreaterThan(15)
  })
})
