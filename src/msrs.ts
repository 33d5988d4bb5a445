// The MSRs as the reference shows them.
import { describeMsrs, type MsrDescription } from '../emulator/machine/index.ts'
import { hexWide } from '../components/workbench/format.ts'
import { hex, VMCB_FIELDS, type VmcbField } from '../emulator/svm/index.ts'

export const MSRS: readonly MsrDescription[] = describeMsrs()

/** Fields of the save area that the manual names otherwise than the MSR. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  PAT: 'G_PAT',
  DebugCtl: 'DBGCTL',
  LastBranchFromIP: 'BR_FROM',
  LastBranchToIP: 'BR_TO',
  LastIntFromIP: 'LASTEXCPFROM',
  LastIntToIP: 'LASTEXCPTO',
}

const plain = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

/** The field of the save area that holds a guest's value of the MSR, on this machine. */
export function fieldOfMsr({ name }: MsrDescription): VmcbField | undefined {
  const wanted = plain(FIELD_NAMES[name] ?? name)
  return VMCB_FIELDS.find(
    ({ key, name: own, moved }) => key.startsWith('save.') && moved.length > 0 && plain(own) === wanted,
  )
}

/** "63:12, 8, 2:0": the bits of a mask as the manual writes them. */
export function bitRanges(mask: bigint): string {
  const ranges: string[] = []
  for (let high = 63; high >= 0; high--) {
    if (!((mask >> BigInt(high)) & 1n)) continue
    let low = high
    while (low > 0 && (mask >> BigInt(low - 1)) & 1n) low--
    ranges.push(high === low ? String(high) : `${high}:${low}`)
    high = low
  }
  return ranges.join(', ')
}

/** What WRMSR does: "reserved: 63:32", "writable", "only 0 can be written". */
export function writeText({ writable, reset }: MsrDescription): string {
  if (writable === 0n) return 'No other value can be written.'
  const reserved = ~writable & ((1n << 64n) - 1n)
  const bits = reserved === 0n ? 'No bit is reserved.' : `Reserved: ${bitRanges(reserved)}.`
  return reset === undefined ? `Write-only. ${bits}` : bits
}

/** Where its two bits lie in the MSRPM: "byte 9Dh, bits 7:6". */
export function permissionText({ permissionBit }: MsrDescription): string {
  const byte = Math.floor(permissionBit / 8)
  const bit = permissionBit % 8
  return `byte ${hex(byte)}, bits ${bit + 1}:${bit}`
}

/** "0007_0406_0007_0406h"; small numbers without leading zeros. */
export function wide(value: bigint): string {
  const groups = Math.ceil(value.toString(16).length / 4)
  return groups === 1 ? hex(value) : hexWide(value, groups * 2)
}
