import { expect, test } from 'vitest'
import { createCpuModel } from '../system/cpu-model.ts'
import { controlMasks } from './control-masks.ts'
import { svmTest } from './svm.fixture.ts'

/** A feature, the VMCB field that it belongs to with its bits set, and what VMRUN makes of them. */
test.each([
  ['vgif', 'control.virtual_interrupt', 1n << 25n, 'virtualInterrupt'],
  ['vnmi', 'control.virtual_interrupt', 1n << 26n, 'virtualInterrupt'],
  ['lbrvirt', 'control.virtualization_extensions', 1n, 'virtualizationExtensions'],
  ['vmsavevirt', 'control.virtualization_extensions', 2n, 'virtualizationExtensions'],
  ['pausefilter', 'control.pause_filter_count', 9n, 'pauseFilterCount'],
  ['pausefilterthreshold', 'control.pause_filter_threshold', 9n, 'pauseFilterThreshold'],
] as const)('without %s, VMRUN ignores %s', (feature, field, value, loaded) => {
  const loadedBy = (model: string): number => {
    const run = svmTest()
    Object.assign(run.cpu, { model: createCpuModel(model) })
    // Without NMI virtualization nobody asks for the NMI intercept.
    run.set({ [field]: value, 'control.intercept_vector_3': model === 'default' ? 2n : 0n })
    expect(run.vmrun()).toEqual([])
    return run.cpu.state[loaded]
  }
  expect(BigInt(loadedBy('default') >>> 0)).toBe(value)
  expect(loadedBy(`default,-${feature}`)).toBe(0)
})

test('control bits that no feature of ours has do nothing', () => {
  expect(controlMasks(createCpuModel()).virtualizationExtensions).toBe(3)
})
