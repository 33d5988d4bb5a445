import { expect, it } from 'vitest'
import { Decoder, DecoderOptions } from 'iced-x86'
import { decode, isDecodeError } from './decode.ts'
import { encode } from './encode.ts'
import { encodingFields } from './encoding-fields.ts'
import { oracleCases } from './requests.fixture.ts'

it('encodingFields takes an instruction apart', () => {
  const bytes = Uint8Array.from(Buffer.from('90f04881848b0001000078563412', 'hex'))
  const instruction = decode(bytes, 1, bytes.length, 64)
  if (isDecodeError(instruction)) throw new Error(instruction.kind)
  expect(encodingFields(bytes, 1, instruction)).toEqual({
    prefixes: 2,
    opcode: 1,
    modrm: 1,
    sib: 1,
    displacement: 4,
    immediate: 4,
  })
})

it.each([16, 32, 64] as const)(
  'encodingFields finds displacements and immediates of %i-bit code where iced-x86 does',
  (bits) => {
    const wrong: unknown[] = []
    for (const { request, text } of oracleCases(bits)) {
      const encoded = encode(request)
      if (!encoded.ok) throw new Error(encoded.error.message)
      const { bytes } = encoded
      const instruction = decode(bytes, 0, bytes.length, bits)
      if (isDecodeError(instruction)) throw new Error(instruction.kind)
      const decoder = new Decoder(bits, bytes, DecoderOptions.AMD)
      const iced = decoder.decode()
      const offsets = decoder.getConstantOffsets(iced)
      const fields = encodingFields(bytes, 0, instruction)
      const immediate = offsets.immediateSize + offsets.immediateSize2
      // iced counts a moffset address as a displacement.
      const constants = fields.displacement + fields.immediate
      if (constants !== offsets.displacementSize + immediate) wrong.push({ text, fields })
      if (fields.modrm && fields.displacement !== offsets.displacementSize) wrong.push({ text, fields })
      offsets.free()
      iced.free()
      decoder.free()
    }
    expect(wrong).toEqual([])
  },
)
