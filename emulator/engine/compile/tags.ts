/** Byte offsets in a fast tag and a jump-cache entry, and how compiled code finds them. */
import { FAST_TAG_ENTRIES, FAST_TAG_ENTRY_BYTES } from '../../state/memory-map.ts'

/** Fields of a fast tag (state/memory-map.ts). */
export const TAG = { read: 0, write: 8, code: 16, host: 24, granules: 28 } as const

/**
 * The tag of a linear address lies at (bits 25:12) * 32 from the context's start: the address shifted right by
 * TAG_INDEX_SHIFT and masked with TAG_INDEX_MASK.
 */
export const TAG_INDEX_SHIFT = 12 - Math.log2(FAST_TAG_ENTRY_BYTES)
export const TAG_INDEX_MASK = (FAST_TAG_ENTRIES - 1) * FAST_TAG_ENTRY_BYTES
