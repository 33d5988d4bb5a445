import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interceptCode } from '../svm/index.ts'
import { mergeIntercepts, virtualInterruptForL1 } from './merge.ts'
import { emptyImage } from './state.ts'
import { intercepts, put } from './vmcb-image.ts'

function controls(vectors: readonly bigint[]): DataView {
  const image = emptyImage()
  vectors.forEach((vector, i) => put(image, `control.intercept_vector_${i}`, vector))
  return image
}

function on(...names: string[]): bigint[] {
  const vectors = [0n, 0n, 0n, 0n, 0n, 0n]
  for (const name of names) {
    const code = interceptCode(name)!
    vectors[code >> 5] |= 1n << BigInt(code & 31)
  }
  return vectors
}

describe('intercepts of vmcb02', () => {
  const cases: [string, string[], string[], string[]][] = [
    ["L0's and L1's", ['stgi', 'init'], ['hlt', 'vmrun'], ['stgi', 'init', 'hlt', 'vmrun']],
    ['what both want, once', ['shutdown'], ['shutdown'], ['shutdown']],
    ["L0's, although L1 has none", ['vmload', 'vmsave'], [], ['vmload', 'vmsave']],
    ['the first and the last of a vector', ['cr0_read'], ['cr15_write'], ['cr0_read', 'cr15_write']],
  ]
  it.each(cases)('are %s', (_, l0, vmcb12, expected) => {
    expect(mergeIntercepts(on(...l0), controls(on(...vmcb12)))).toEqual(on(...expected))
  })

  it('are those of either, code by code', () => {
    const vectors = fc.array(fc.bigInt(0n, 0xffff_ffffn), { minLength: 6, maxLength: 6 })
    fc.assert(
      fc.property(vectors, vectors, fc.nat(191), (l0, vmcb12, code) => {
        const merged = controls(mergeIntercepts(l0, controls(vmcb12)))
        const either = intercepts(controls(l0), code) || intercepts(controls(vmcb12), code)
        expect(intercepts(merged, code)).toBe(either)
      }),
    )
  })
})

describe('the virtual interrupt word that L1 sees', () => {
  /** 39:32 vector, 26 V_NMI_ENABLE, 25 VGIF_ENABLE, 24 V_INTR_MASKING, 12:11 V_NMI_MASK, V_NMI, 9 VGIF, 8 V_IRQ, 3:0 V_TPR */
  const cases: [string, bigint, bigint, bigint][] = [
    ['V_TPR and V_IRQ from L2', 0x20_0100_010fn, 0x03n, 0x20_0100_0003n],
    ['VGIF as L1 wrote it while it is off', 0x200n, 0n, 0x200n],
    ['VGIF from L2 while it is on', 0x0200_0200n, 0x0200_0000n, 0x0200_0000n],
    ['V_NMI as L1 wrote it while it is off', 0x1800n, 0n, 0x1800n],
    ['V_NMI and V_NMI_MASK from L2 while they are on', 0x0400_0800n, 0x0400_1000n, 0x0400_1000n],
    ['what L0 adds to vmcb02 does not show', 0n, 0xff_0100_0000n, 0n],
  ]
  it.each(cases)('has %s', (_, vmcb12, vmcb02, expected) => {
    expect(virtualInterruptForL1(vmcb12, vmcb02)).toBe(expected)
  })
})
