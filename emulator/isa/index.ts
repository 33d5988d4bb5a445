/** Public entry point of the instruction set: table, decoder and their types. */
export { decode, isDecodeError, MAXIMUM_LENGTH, type DecodeError } from './decode.ts'
export * from './encoding-request.ts'
export * from './instruction.ts'
export { operations, table, type Row } from './table.ts'
