/** Whether this host's WebAssembly can run compiled code: tail calls through a table are the one thing that may be missing. */
import { assembleModule } from './module.ts'
import { Emitter } from './emitter.ts'
import { OP, TYPE } from './opcodes.ts'

let supported: boolean | undefined

/** True when compiled code can run here. */
export function compileIsSupported(): boolean {
  supported ??= WebAssembly.validate(probe())
  return supported
}

/** A module with one function that calls a table entry in tail position. */
function probe(): Uint8Array<ArrayBuffer> {
  const code = new Emitter()
  code.i32(0)
  code.byte(OP.returnCallIndirect)
  code.unsigned(0)
  code.unsigned(0)
  const body = { signature: { parameters: [], results: [TYPE.i32] }, locals: [], code: code.bytes() }
  return assembleModule({ importedFunctions: [], functions: [body], exports: {} })
}
