/** The control bits that VMRUN heeds: those of features that the processor does not have do nothing. */
import { NESTED_CONTROL } from '../paging/nested-control.ts'
import type { CpuModel } from '../state/cpu.ts'
import { VIRTUAL_INTERRUPT } from '../system/virtual-interrupt.ts'

export interface ControlMasks {
  /** Of the low half of VMCB offset 060h. */
  readonly virtualInterrupt: number
  /** Of VMCB offset 090h, as far as it is about nested paging. */
  readonly nestedControl: number
  /** Of VMCB offset 0B8h. */
  readonly virtualizationExtensions: number
  /** Of VMCB offset 03Ch: 31:16 PAUSE filter count, 15:0 threshold. */
  readonly pauseFilter: number
  /** Of the low half of VMCB offset 090h: INVLPGB_ENABLE. */
  readonly broadcast: number
  /** Of intercept vector 5: the bus-lock intercept. */
  readonly busLock: number
  /** TLB_CONTROL can flush one ASID. */
  readonly flushByAsid: boolean
  /** SPEC_CTRL is virtualized. */
  readonly specCtrl: boolean
  /** Of the clean field. */
  readonly clean: number
}

const MASKS = new WeakMap<CpuModel, ControlMasks>()

/** The masks of a model. */
export function controlMasks(model: CpuModel): ControlMasks {
  let masks = MASKS.get(model)
  if (masks === undefined) {
    const unless = (feature: string, bits: number): number => (model.has(feature) ? 0 : bits)
    const when = (feature: string, bits: number): number => (model.has(feature) ? bits : 0)
    masks = {
      virtualInterrupt: ~(
        unless('vgif', VIRTUAL_INTERRUPT.gifEnable) | unless('vnmi', VIRTUAL_INTERRUPT.nmiEnable)
      ),
      nestedControl:
        when('np', NESTED_CONTROL.enable) |
        when('gmet', NESTED_CONTROL.executeTrap) |
        when('rogpt', NESTED_CONTROL.readOnlyTables),
      virtualizationExtensions: 3 & ~(unless('lbrvirt', 1) | unless('vmsavevirt', 2)),
      pauseFilter: ~(unless('pausefilter', 0xffff_0000) | unless('pausefilterthreshold', 0xffff)),
      broadcast: when('tlbsyncctl', 0x80),
      busLock: when('buslockthreshold', 0x20),
      flushByAsid: model.has('flushbyasid'),
      specCtrl: model.has('vspecctrl'),
      clean: ~unless('vmcbclean', -1),
    }
    MASKS.set(model, masks)
  }
  return masks
}
