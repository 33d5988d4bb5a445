/**
 * The map of the one WebAssembly memory that holds the machine: vCPU blocks first, then the map of code granules, then RAM.
 * It is created at full size and never grown, because growing detaches every view of it.
 *
 *   0000_0000  vCPU 0 block, VCPU_STRIDE bytes      (layout.ts)
 *   0100_0000  vCPU 1 block ...
 *   ...        code granules: one u64 per RAM page, bit n = a translated instruction lies in bytes 64n..64n+63
 *   ...        RAM, page-aligned
 *
 * Inside a vCPU block, which is large because what is never touched costs nothing:
 *   000000  registers and hidden state, REGISTER_BYTES       snapshots copy these,
 *   010000  fetch tags, a set for each fast-tag context       derived state
 *   020000  what is filled of each fast-tag context           derived state
 *   080000  jump caches                                       derived state, owned by engine/compile
 *   100000  the architectural TLB                             and what this holds (paging/tlb.ts)
 *   800000  fast tags, FAST_TAG_CONTEXTS contexts             derived state: dropped on restore
 *
 * All derived state is empty where it is zero.
 */

export const PAGE_SIZE = 4096

export const VCPU_STRIDE = 0x100_0000
export const REGISTER_BYTES = 0x1000
export const FETCH_TAG_OFFSET = 0x1_0000
export const FILLED_LINES_OFFSET = 0x2_0000
/** For one fast-tag context. */
export const FILLED_LINES_BYTES = 0x1000
export const JUMP_CACHE_OFFSET = 0x8_0000
export const JUMP_CACHE_BYTES = 0x4_0000
export const TLB_OFFSET = 0x10_0000
export const FAST_TAG_OFFSET = 0x80_0000

/**
 * A fast-tag context: FAST_TAG_ENTRIES direct-mapped entries of 32 bytes, indexed by linear-address bits 25:12.
 *
 *   +0   u64  read tag    linear address of the page's last byte (bits 11:0 set), or 0
 *   +8   u64  write tag   same; valid only for plain RAM without translated code that may be written without further ado
 *   +16  u64  code tag    same; a writable RAM page with translated code: a store must test the granule map first
 *   +24  u32  host        offset in the WebAssembly memory of the page's first byte
 *   +28  u32  granules    offset in the WebAssembly memory of the page's granule word
 */
export const FAST_TAG_CONTEXTS = 16
export const FAST_TAG_ENTRIES = 0x4000
export const FAST_TAG_ENTRY_BYTES = 32
export const FAST_TAG_CONTEXT_BYTES = FAST_TAG_ENTRIES * FAST_TAG_ENTRY_BYTES

/**
 * Fetch tags: FETCH_TAG_ENTRIES direct-mapped entries of 16 bytes for each context, indexed by linear-address bits 17:12.
 *
 *   +0   u64  tag    linear address of the page's last byte, or 0
 *   +8   u64  page   physical page number of a RAM page that may be fetched from
 */
export const FETCH_TAG_ENTRIES = 64
export const FETCH_TAG_ENTRY_BYTES = 16

/** A code granule: the unit in which stores are compared with translated code. 64 granules make a page. */
export const CODE_GRANULE = 64
