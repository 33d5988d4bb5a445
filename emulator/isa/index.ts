/** Public entry point of the instruction set: the table, the decoder, the encoder, the disassembler and their types. */
export { decode, isDecodeError, MAXIMUM_LENGTH, type DecodeError } from './decode.ts'
export { disassemble, generalRegisterName, type DisassemblyOptions } from './disassemble.ts'
export { encodingFields, type EncodingFields } from './encoding-fields.ts'
export { branchDistances, encode, isMnemonic } from './encode.ts'
export * from './encoding-request.ts'
export * from './instruction.ts'
export { summarizeMnemonics, type MnemonicSummary } from './summaries.ts'
export { aliases, operations, table, type Row } from './table.ts'
