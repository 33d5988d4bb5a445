import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interceptCode } from '../svm/index.ts'
import {
  combineTsc,
  intercepts,
  interceptsOf,
  mergeIntercepts,
  virtualInterruptForL1,
  virtualInterruptForL2,
} from './merge.ts'

function on(...names: string[]) {
  return interceptsOf(names.map((name) => interceptCode(name)!))
}

describe('intercepts of vmcb02', () => {
  const cases: [string, string[], string[], boolean, string[]][] = [
    [
      'what either wants',
      ['stgi', 'init'],
      ['hlt', 'init'],
      false,
      ['stgi', 'init', 'hlt', 'vmload', 'vmsave'],
    ],
    ['VMLOAD and VMSAVE although nobody asked', [], ['vmrun'], false, ['vmrun', 'vmload', 'vmsave']],
    [
      'no VMLOAD where the processor translates it',
      ['vmload', 'vmsave', 'clgi'],
      ['vmrun'],
      true,
      ['vmrun', 'clgi'],
    ],
    ['VMSAVE that L1 wants, virtualized or not', ['vmload', 'vmsave'], ['vmsave'], true, ['vmsave']],
    ['the highest bit of a vector', ['shutdown'], ['cr15_write'], true, ['shutdown', 'cr15_write']],
  ]
  it.each(cases)('are %s', (_, l0, vmcb12, virtualVmload, expected) => {
    expect(mergeIntercepts(on(...l0), on(...vmcb12), virtualVmload)).toEqual(on(...expected))
  })

  it('never lack one of vmcb12', () => {
    const vectors = fc.array(fc.nat(0xffff_ffff), { minLength: 6, maxLength: 6 })
    fc.assert(
      fc.property(vectors, vectors, fc.boolean(), (l0, vmcb12, virtualVmload) => {
        const merged = mergeIntercepts(l0, vmcb12, virtualVmload)
        expect(vmcb12.map((vector, i) => (vector & ~merged[i]) >>> 0)).toEqual([0, 0, 0, 0, 0, 0])
      }),
    )
  })

  it('have none for exit codes beyond the vectors', () => {
    const all = [1, 1, 1, 1, 1, 1].map(() => 0xffff_ffff)
    expect([0x400, 0xc0, -1, 0xbf, 0].map((code) => intercepts(all, code))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ])
  })
})

describe('the virtual interrupt word', () => {
  /** 39:32 vector, 31 AVIC, 26 V_NMI_ENABLE, 24 V_INTR_MASKING, 20 V_IGN_TPR, 19:16 priority, 12:11 NMI, 9 VGIF, 8 V_IRQ, 3:0 V_TPR */
  const word = 0x20_851f_1b0en

  it("of vmcb02 is L1's, without AVIC", () => {
    expect(virtualInterruptForL2(word)).toBe(0x20_051f_1b0en)
  })

  it('for L1 has V_TPR, V_IRQ, VGIF, V_NMI and V_NMI_MASK from vmcb02, and the rest as L1 wrote it', () => {
    expect(virtualInterruptForL1(word, 0n)).toBe(0x20_851f_0000n)
    expect(virtualInterruptForL1(0n, (1n << 64n) - 1n)).toBe(0x1b0fn)
  })
})

describe('the time-stamp counter of L2', () => {
  const ONE = 1n << 32n
  const minus = (value: bigint): bigint => BigInt.asUintN(64, -value)
  const cases: [string, [bigint, bigint], [bigint, bigint], [bigint, bigint]][] = [
    ['adds the offsets', [1000n, ONE], [minus(300n), ONE], [700n, ONE]],
    ['scales L1 before it is offset', [1000n, ONE], [5n, 4n * ONE], [4005n, 4n * ONE]],
    ['multiplies the ratios', [0n, ONE / 2n], [0n, 4n * ONE], [0n, 2n * ONE]],
    ['scales a negative offset as one', [minus(8n), ONE], [0n, ONE / 4n], [minus(2n), ONE / 4n]],
    ['wraps at 64 bits', [minus(1n), ONE], [minus(1n), ONE], [minus(2n), ONE]],
  ]
  it.each(cases)('%s', (_, l1, l2, expected) => {
    const scale = ([offset, ratio]: [bigint, bigint]) => ({ offset, ratio })
    expect(combineTsc(scale(l1), scale(l2))).toEqual(scale(expected))
  })
})
