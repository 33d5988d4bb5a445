/** The bytes that a web server sends for `content`, as dense as brotli makes it. */
import { brotliCompressSync, constants } from 'node:zlib'

export function brotliBytes(content: string | Uint8Array): number {
  return brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length
}
