/** Bytes through a stream of the browser's, with a bound on what comes out. */
import { concatenate } from './bytes.ts'

/** All that `stream` makes of `bytes`. Throws RangeError beyond `most` bytes, and what the stream throws of damaged ones. */
export async function through(
  bytes: Uint8Array<ArrayBuffer>,
  stream: GenericTransformStream,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes])
    .stream()
    .pipeThrough(stream)
    .getReader() as ReadableStreamDefaultReader<Uint8Array>
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    chunks.push(value)
    size += value.length
    // A few bytes can say that a gigabyte follows.
    if (size > most) {
      await reader.cancel()
      throw new RangeError('too large')
    }
  }
  return concatenate(chunks)
}
