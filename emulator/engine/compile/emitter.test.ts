import { describe, expect, it } from 'vitest'
import { Emitter } from './emitter.ts'
import { assembleModule } from './module.ts'
import { TYPE } from './opcodes.ts'

function evaluated(write: (out: Emitter) => void): bigint {
  const code = new Emitter()
  write(code)
  const signature = { parameters: [], results: [TYPE.i64] }
  const bytes = assembleModule({
    importedFunctions: [],
    functions: [{ signature, locals: [], code: code.bytes() }],
    exports: { f: 0 },
  })
  const imports = {
    e: {
      m: new WebAssembly.Memory({ initial: 0 }),
      t: new WebAssembly.Table({ element: 'anyfunc', initial: 0 }),
    },
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports)
  return BigInt.asUintN(64, (exports.f as () => bigint)())
}

describe('the emitter', () => {
  it.each([
    0n,
    1n,
    63n,
    64n,
    0x7fn,
    0x80n,
    0x3fff_ffffn,
    0x4000_0000n,
    0x8000_0000n,
    0x8000_0000_0000_0000n,
    ~0n,
  ])('encodes the constant %i so that WebAssembly reads it back', (value) => {
    expect(evaluated((out) => out.i64(value))).toBe(BigInt.asUintN(64, value))
  })

  it('counts branch depths from the label it is given', () => {
    const result = evaluated((out) => {
      const outer = out.block()
      const inner = out.block()
      out.i32(1)
      out.branchIf(inner)
      out.branch(outer)
      out.end()
      out.i64(7n)
      out.byte(0x0f)
      out.end()
      out.i64(8n)
    })
    expect(result).toBe(7n)
  })
})
