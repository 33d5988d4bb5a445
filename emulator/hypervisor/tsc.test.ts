import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { L1, prepare, runL1, type Program } from './l0.fixture.ts'
import { TSC_RATIO_1 } from './state.ts'
import { mergeTscOffset, mergeTscRatio } from './tsc.ts'

const U64 = 2n ** 64n

/** What the processor shows of a count. */
const shown = (count: bigint, ratio: bigint, offset: bigint): bigint =>
  BigInt.asUintN(64, ((count * ratio) >> 32n) + offset)

describe('TSC_RATIO and TSC_OFFSET of L2', () => {
  const cases: [string, bigint, bigint, bigint, bigint, bigint, bigint][] = [
    ["are vmcb12's while L1 is not scaled", TSC_RATIO_1, 0n, 4n << 32n, 100n, 4n << 32n, 100n],
    ['have both offsets', TSC_RATIO_1, 7n, TSC_RATIO_1, U64 - 9n, TSC_RATIO_1, U64 - 2n],
    ["scale L1's offset, which may be negative", TSC_RATIO_1, U64 - 8n, 1n << 31n, 0n, 1n << 31n, U64 - 4n],
    ['have the product of the ratios', 3n << 31n, 0n, 4n << 32n, 0n, 6n << 32n, 0n],
    ['end at what the register holds', 200n << 32n, 0n, 2n << 32n, 0n, (1n << 40n) - 1n, 0n],
  ]
  it.each(cases)('%s', (_, r1, o1, r2, o2, ratio, offset) => {
    expect([mergeTscRatio(r1, r2), mergeTscOffset(o1, r2, o2)]).toEqual([ratio, offset])
  })

  it('show what scaling twice would, but for what the fractions lose', () => {
    const ratio = fc.bigInt(1n << 28n, 1n << 35n)
    const offset = fc.bigInt(-(1n << 47n), 1n << 47n).map((value) => BigInt.asUintN(64, value))
    fc.assert(
      fc.property(fc.bigInt(0n, 1n << 40n), ratio, ratio, offset, offset, (count, r1, r2, o1, o2) => {
        const ofL1 = BigInt.asIntN(64, shown(count, r1, o1))
        const twice = BigInt.asUintN(64, ((ofL1 * r2) >> 32n) + o2)
        const merged = shown(count, mergeTscRatio(r1, r2), mergeTscOffset(o1, r2, o2))
        const difference = BigInt.asIntN(64, merged - twice)
        // One unit of the product's last place for each of 2^32 counts, and one of each addition times r2.
        expect(difference).toBeLessThan(20n)
        expect(difference).toBeGreaterThan(-(1n << 9n))
      }),
    )
  })
})

/** The counts of a loop of 2000 instructions, in `register`. */
const measure = (register: string, label: string): string => `
    rdtsc
    mov ${register}, eax
    mov ecx, 2000
  ${label}:
    loop ${label}
    rdtsc
    sub eax, ${register}
    mov ${register}, eax`

describe('nested_tsc_scaling_test', () => {
  /** L1 measures, scales L2 by 4, runs it with the offset of KVM's test, and measures again. */
  const program: Program = {
    vmcb: { 'control.tsc_offset': BigInt.asUintN(64, -33_125_236_320_908n) },
    l1: `${measure('edi', 'first')}
      mov ecx, 0xc0000104
      xor eax, eax
      mov edx, 4
      wrmsr
      ${L1.replace('hlt', '')}
      ${measure('ebp', 'second')}
      hlt`,
    l2: `${measure('esi', 'third')}\n vmmcall`,
  }
  it.each([2n, 3n, 4n, 7n, 10n])('L1 scaled by 1/%s, and L2 four times as fast as L1', (divisor) => {
    const { machine } = runL1(true, { ...program, policy: { tscRatio: TSC_RATIO_1 / divisor } })
    const { rdi, rbp, rsi } = machine.inspect().general
    const bare = runL1(false, program).machine.inspect().general.rdi
    const within1Percent = (value: bigint, wanted: number): void => {
      expect(Math.abs(Number(value) / wanted - 1)).toBeLessThan(0.01)
    }
    within1Percent(rdi, Number(bare / divisor))
    within1Percent(rbp, Number(rdi))
    within1Percent(rsi, 4 * Number(rdi))
  })

  it('a vCPU that is moved at every exit keeps its time', () => {
    const migration = { msrs: 'after' } as const
    const { machine } = runL1(true, { ...program, policy: { tscRatio: TSC_RATIO_1 / 2n, migration } })
    const { rdi, rbp, rsi } = machine.inspect().general
    expect([rbp, rsi].map((count) => Math.round((10 * Number(count)) / Number(rdi)))).toEqual([10, 40])
  })
})

describe('WRMSR of TSC', () => {
  const TSC = `mov ecx, 0x10\n mov edx, 0x1234\n xor eax, eax\n wrmsr`
  const readHigh = `rdtsc\n mov ebx, edx`

  it.each([TSC_RATIO_1, TSC_RATIO_1 / 3n])("sets L1's TSC, with a ratio of %s", (tscRatio) => {
    const { machine } = runL1(true, { l1: `${TSC}\n ${readHigh}\n hlt`, policy: { tscRatio } })
    expect(machine.inspect().general.rbx).toBe(0x1234n)
  })

  it("sets L1's TSC also when L2 executes it, as KVM's nested_tsc_adjust_test expects", () => {
    const vmcb = { 'control.tsc_offset': BigInt.asUintN(64, -(1n << 48n)) }
    const l2 = `${TSC}\n rdtsc\n mov esi, edx\n vmmcall`
    for (const underL0 of [true, false]) {
      const { machine } = runL1(underL0, { l1: `${L1.replace('hlt', '')}\n ${readHigh}\n hlt`, l2, vmcb })
      const { rbx, rsi } = machine.inspect().general
      expect([rbx, rsi]).toEqual([0x1234n, 0xffff_1234n])
    }
  })

  it('of one vCPU leaves the others alone', () => {
    const { machine, l0 } = prepare(true, { l1: `${TSC}\n hlt`, policy: { vcpus: 2 }, options: { cpus: 2 } })
    machine.run(200)
    expect([0, 1].map((index) => l0!.state(index).hostTscOffset !== 0n)).toEqual([true, false])
  })
})
