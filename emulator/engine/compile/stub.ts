/** The function that takes a dropped region's place in the table: it comes back at once, rIP as the jump left it. */
import { Emitter } from './emitter.ts'
import { OUTCOME } from './frame.ts'
import { assembleModule } from './module.ts'
import { REGION_SIGNATURE } from './region-code.ts'

export function stubModule(): Uint8Array<ArrayBuffer> {
  const code = new Emitter()
  code.i32(OUTCOME.left)
  return assembleModule({
    importedFunctions: [],
    functions: [{ signature: REGION_SIGNATURE, locals: [], code: code.bytes() }],
    exports: { r: 0 },
  })
}
