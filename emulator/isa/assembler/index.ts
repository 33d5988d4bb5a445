/** Public entry point of the assembler: assembling, and what an editor needs for highlighting and completion. */
export { assemble, type Assembly, type AssemblyInput } from './assemble.ts'
export type { Diagnostic } from './diagnostics.ts'
export { directives } from './directives.ts'
export type { LineBytes } from './emit.ts'
export { tokenize, type Token, type TokenKind } from './lexer.ts'
export { mnemonics } from './mnemonics.ts'
export { operandKeywords } from './operands.ts'
export { registerNames } from './register-names.ts'
