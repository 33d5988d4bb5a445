/**
 * The one memory port: every physical access goes through here, but for the loads and stores that a filled fast tag allows.
 * Physical addresses are JavaScript numbers (52 bits are exact). RAM occupies 0..ramBytes-1; devices claim ranges on top of
 * or beyond it; what nobody claims reads as all ones and swallows writes.
 */
import type { Size } from '../isa/instruction.ts'
import { CODE_GRANULE, PAGE_SIZE, VCPU_STRIDE } from './memory-map.ts'

/** A device's window in physical memory. Accesses never cross the end of a 4 KB page. */
export interface MmioRegion {
  readonly base: number
  readonly bytes: number
  read(offset: number, size: Size): bigint
  write(offset: number, size: Size, value: bigint): void
}

/** What the rest of the machine wants to hear of RAM writes. */
export interface WriteObserver {
  /** Before the first write to `page` since watchPages(): the page's contents are still the old ones. */
  firstWrite?(page: number): void
  /** Before a write that overlaps translated code. */
  codeWrite?(page: number, offset: number, length: number): void
}

/** Granules (bit n = bytes 64n..64n+63) that `length` bytes at `offset` of a page touch. */
export function granuleMask(offset: number, length: number): bigint {
  const first = Math.floor(offset / CODE_GRANULE)
  const last = Math.floor((offset + length - 1) / CODE_GRANULE)
  return ((1n << BigInt(last - first + 1)) - 1n) << BigInt(first)
}

export class PhysicalMemory {
  readonly wasm: WebAssembly.Memory
  readonly buffer: ArrayBuffer
  readonly ramBytes: number
  /** Offset of RAM in the WebAssembly memory. */
  readonly ramBase: number
  /** Offset of the code-granule words. */
  readonly granuleBase: number
  readonly view: DataView
  readonly bytes: Uint8Array
  /** One word per RAM page. */
  readonly granules: BigUint64Array
  observer: WriteObserver = {}
  #regions: MmioRegion[] = []
  /** Pages that device windows overlay, by page number. */
  readonly #mmioPages = new Map<number, MmioRegion>()
  /** By RAM page: 1 = a device window overlays it. */
  readonly #overlaid: Uint8Array
  /** 1 = written since watchPages(). */
  readonly #written: Uint8Array

  /** `ramBytes`: a multiple of 4096, at most 3 GiB. */
  constructor(ramBytes: number, vcpus: number) {
    const pages = ramBytes / PAGE_SIZE
    this.ramBytes = ramBytes
    this.granuleBase = vcpus * VCPU_STRIDE
    this.ramBase = Math.ceil((this.granuleBase + pages * 8) / 0x1_0000) * 0x1_0000
    const wasmPages = Math.ceil((this.ramBase + ramBytes) / 0x1_0000)
    this.wasm = new WebAssembly.Memory({ initial: wasmPages, maximum: wasmPages })
    this.buffer = this.wasm.buffer
    this.view = new DataView(this.buffer)
    this.bytes = new Uint8Array(this.buffer)
    this.granules = new BigUint64Array(this.buffer, this.granuleBase, pages)
    this.#overlaid = new Uint8Array(pages)
    this.#written = new Uint8Array(pages).fill(1)
  }

  /** Lays a device's window over what lies there. Fast tags of its pages must be dropped by the caller. */
  addRegion(region: MmioRegion): void {
    this.#regions.push(region)
    this.#overlay(region)
  }

  /** Takes a device's window away; what it covered appears again. */
  removeRegion(region: MmioRegion): void {
    this.#regions = this.#regions.filter((other) => other !== region)
    this.#mmioPages.clear()
    this.#overlaid.fill(0)
    for (const other of this.#regions) this.#overlay(other)
  }

  #overlay(region: MmioRegion): void {
    const last = Math.floor((region.base + region.bytes - 1) / PAGE_SIZE)
    for (let page = Math.floor(region.base / PAGE_SIZE); page <= last; page++) {
      this.#mmioPages.set(page, region)
      if (page < this.#overlaid.length) this.#overlaid[page] = 1
    }
  }

  /** True when the whole page is RAM that no device overlays. */
  isRamPage(page: number): boolean {
    return this.#overlaid[page] === 0
  }

  /** True when `address` is backed by RAM. */
  isRam(address: number): boolean {
    return address < this.ramBytes && this.#overlaid[address >>> 12] === 0
  }

  /** Reads `size` bytes. The access must not cross a page. */
  read(address: number, size: Size): bigint {
    if (this.isRam(address)) {
      const at = this.ramBase + address
      switch (size) {
        case 1:
          return BigInt(this.bytes[at])
        case 2:
          return BigInt(this.view.getUint16(at, true))
        case 4:
          return BigInt(this.view.getUint32(at, true))
        case 8:
          return this.view.getBigUint64(at, true)
      }
    }
    const region = this.#mmioPages.get(Math.floor(address / PAGE_SIZE))
    if (region === undefined) return (1n << BigInt(size * 8)) - 1n
    return BigInt.asUintN(size * 8, region.read(address - region.base, size))
  }

  /** Writes the low `size` bytes of `value`. The access must not cross a page. */
  write(address: number, size: Size, value: bigint): void {
    if (this.isRam(address)) {
      this.beforeWrite(address, size)
      const at = this.ramBase + address
      switch (size) {
        case 1:
          this.bytes[at] = Number(value & 0xffn)
          return
        case 2:
          this.view.setUint16(at, Number(value & 0xffffn), true)
          return
        case 4:
          this.view.setUint32(at, Number(value & 0xffff_ffffn), true)
          return
        case 8:
          this.view.setBigUint64(at, value, true)
          return
      }
    }
    const region = this.#mmioPages.get(Math.floor(address / PAGE_SIZE))
    region?.write(address - region.base, size, BigInt.asUintN(size * 8, value))
  }

  /** A 32-bit read as a number; page tables and the VMCB are read this way. */
  read32(address: number): number {
    return this.isRam(address)
      ? this.view.getUint32(this.ramBase + address, true)
      : Number(this.read(address, 4))
  }

  /** A byte as a number. */
  read8(address: number): number {
    return this.isRam(address) ? this.bytes[this.ramBase + address] : Number(this.read(address, 1))
  }

  write32(address: number, value: number): void {
    if (this.isRam(address)) {
      this.beforeWrite(address, 4)
      this.view.setUint32(this.ramBase + address, value, true)
    } else this.write(address, 4, BigInt(value >>> 0))
  }

  /** Announces a write of `length` bytes of RAM within one page, before it happens. */
  beforeWrite(address: number, length: number): void {
    const page = Math.floor(address / PAGE_SIZE)
    if (this.#written[page] === 0) {
      this.#written[page] = 1
      this.observer.firstWrite?.(page)
    }
    if (this.granules[page] !== 0n) {
      const offset = address % PAGE_SIZE
      if (this.granules[page] & granuleMask(offset, length)) this.observer.codeWrite?.(page, offset, length)
    }
  }

  /** True once `page` was written since watchPages(): only then may a fast tag allow stores to it. */
  isWritten(page: number): boolean {
    return this.#written[page] !== 0
  }

  /** From now on, firstWrite() is called once per page. Fast write tags must be dropped by the caller. */
  watchPages(): void {
    this.#written.fill(0)
  }

  /** Copies bytes into RAM from outside the guest (loaders, editors). Throws RangeError beyond RAM. */
  load(address: number, data: Uint8Array): void {
    if (address < 0 || address + data.length > this.ramBytes)
      throw new RangeError(
        `${data.length} bytes at ${address.toString(16)}h do not fit in ${this.ramBytes} bytes of RAM`,
      )
    for (let done = 0; done < data.length;) {
      const at = address + done
      const length = Math.min(data.length - done, PAGE_SIZE - (at % PAGE_SIZE))
      this.beforeWrite(at, length)
      this.bytes.set(data.subarray(done, done + length), this.ramBase + at)
      done += length
    }
  }

  /** A copy of `length` bytes of RAM at `address`; shorter at the end of RAM. */
  dump(address: number, length: number): Uint8Array {
    const end = Math.min(address + length, this.ramBytes)
    return this.bytes.slice(this.ramBase + address, this.ramBase + Math.max(address, end))
  }
}
