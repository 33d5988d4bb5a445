/** Integer arithmetic, logic, shifts and bit instructions (APM vol 3 chapter 3). */
import { AF, ARITHMETIC_FLAGS, CF, OF, PF, SF, ZF } from '../registers.ts'
import { define, type Properties, type Row } from './row.ts'

const allButCarry = ARITHMETIC_FLAGS & ~CF

/** The eight instructions that share one layout: the opcode is 8 * n plus 0..5, and the immediate forms are 80..83 /n. */
function twoOperands(mnemonic: string, title: string, n: number, properties: Properties): Row[] {
  const opcode = (offset: number) => (8 * n + offset).toString(16).toUpperCase().padStart(2, '0')
  return define(mnemonic, title, properties)`
    ${mnemonic} reg/mem*, simm8      | 83 /${n} ib
    ${mnemonic} AL, imm8             | ${opcode(4)} ib
    ${mnemonic} AX, imm16            | ${opcode(5)} iw
    ${mnemonic} EAX, imm32           | ${opcode(5)} id
    ${mnemonic} RAX, simm32          | ${opcode(5)} id
    ${mnemonic} reg/mem8, imm8       | 80 /${n} ib
    ${mnemonic} reg/mem8, imm8       | 82 /${n} ib | not-64 decoder-only
    ${mnemonic} reg/mem*, imm*       | 81 /${n} i*
    ${mnemonic} reg/mem8, reg8       | ${opcode(0)} /r
    ${mnemonic} reg/mem*, reg*       | ${opcode(1)} /r
    ${mnemonic} reg8, reg/mem8       | ${opcode(2)} /r
    ${mnemonic} reg*, reg/mem*       | ${opcode(3)} /r
  `
}

function shift(mnemonic: string, title: string, n: number, properties: Properties): Row[] {
  return define(mnemonic, title, properties)`
    ${mnemonic} reg/mem8, 1          | D0 /${n}
    ${mnemonic} reg/mem8, CL         | D2 /${n}
    ${mnemonic} reg/mem8, imm8       | C0 /${n} ib
    ${mnemonic} reg/mem*, 1          | D1 /${n}
    ${mnemonic} reg/mem*, CL         | D3 /${n}
    ${mnemonic} reg/mem*, imm8       | C1 /${n} ib
  `
}

function bitTest(mnemonic: string, title: string, n: number, properties: Properties): Row[] {
  const opcode = (0x83 + 8 * n).toString(16).toUpperCase()
  return define(mnemonic, title, { ...properties, writes: CF, leavesUndefined: OF | SF | AF | PF | ZF })`
    ${mnemonic} reg/mem*, reg*       | 0F ${opcode} /r
    ${mnemonic} reg/mem*, imm8       | 0F BA /${n} ib
  `
}

const shiftFlags = { writes: CF | OF | SF | ZF | PF, leavesUndefined: AF }
const logicFlags = { writes: ARITHMETIC_FLAGS & ~AF, leavesUndefined: AF }

export const arithmetic: readonly Row[] = [
  ...twoOperands('add', 'Add', 0, { writes: ARITHMETIC_FLAGS, lock: true }),
  ...twoOperands('or', 'Logical OR', 1, { ...logicFlags, lock: true }),
  ...twoOperands('adc', 'Add with carry', 2, { reads: CF, writes: ARITHMETIC_FLAGS, lock: true }),
  ...twoOperands('sbb', 'Subtract with borrow', 3, { reads: CF, writes: ARITHMETIC_FLAGS, lock: true }),
  ...twoOperands('and', 'Logical AND', 4, { ...logicFlags, lock: true }),
  ...twoOperands('sub', 'Subtract', 5, { writes: ARITHMETIC_FLAGS, lock: true }),
  ...twoOperands('xor', 'Logical exclusive OR', 6, { ...logicFlags, lock: true }),
  ...twoOperands('cmp', 'Compare', 7, { writes: ARITHMETIC_FLAGS }),

  ...define('test', 'Test bits', logicFlags)`
    test AL, imm8              | A8 ib
    test AX, imm16             | A9 iw
    test EAX, imm32            | A9 id
    test RAX, simm32           | A9 id
    test reg/mem8, imm8        | F6 /0 ib
    test reg/mem*, imm*        | F7 /0 i*
    test reg/mem8, imm8        | F6 /1 ib | decoder-only
    test reg/mem*, imm*        | F7 /1 i* | decoder-only
    test reg/mem8, reg8        | 84 /r
    test reg/mem*, reg*        | 85 /r
    test reg8, mem8            | 84 /r    | assembler-only
    test reg*, mem*            | 85 /r    | assembler-only
  `,
  ...define('inc', 'Increment by 1', { writes: allButCarry, lock: true })`
    inc reg16                  | 40 +r    | not-64
    inc reg32                  | 40 +r    | not-64
    inc reg/mem8               | FE /0
    inc reg/mem*               | FF /0
  `,
  ...define('dec', 'Decrement by 1', { writes: allButCarry, lock: true })`
    dec reg16                  | 48 +r    | not-64
    dec reg32                  | 48 +r    | not-64
    dec reg/mem8               | FE /1
    dec reg/mem*               | FF /1
  `,
  ...define('not', "One's complement negation", { lock: true })`
    not reg/mem8               | F6 /2
    not reg/mem*               | F7 /2
  `,
  ...define('neg', "Two's complement negation", { writes: ARITHMETIC_FLAGS, lock: true })`
    neg reg/mem8               | F6 /3
    neg reg/mem*               | F7 /3
  `,
  ...define('mul', 'Unsigned multiply', { writes: CF | OF, leavesUndefined: SF | ZF | AF | PF })`
    mul reg/mem8               | F6 /4
    mul reg/mem*               | F7 /4
  `,
  ...define('imul', 'Signed multiply', { writes: CF | OF, leavesUndefined: SF | ZF | AF | PF })`
    imul reg/mem8              | F6 /5
    imul reg/mem*              | F7 /5
  `,
  ...define('imul-truncating', 'Signed multiply', { writes: CF | OF, leavesUndefined: SF | ZF | AF | PF })`
    imul reg*, reg/mem*        | 0F AF /r
    imul reg*, reg/mem*, simm8 | 6B /r ib
    imul reg*, reg/mem*, imm*  | 69 /r i*
  `,
  ...define('div', 'Unsigned divide', { leavesUndefined: ARITHMETIC_FLAGS })`
    div reg/mem8               | F6 /6
    div reg/mem*               | F7 /6
  `,
  ...define('idiv', 'Signed divide', { leavesUndefined: ARITHMETIC_FLAGS })`
    idiv reg/mem8              | F6 /7
    idiv reg/mem*              | F7 /7
  `,

  ...shift('rol', 'Rotate left', 0, { writes: CF | OF }),
  ...shift('ror', 'Rotate right', 1, { writes: CF | OF }),
  ...shift('rcl', 'Rotate through carry left', 2, { reads: CF, writes: CF | OF }),
  ...shift('rcr', 'Rotate through carry right', 3, { reads: CF, writes: CF | OF }),
  ...shift('shl', 'Shift left', 4, shiftFlags),
  ...shift('shr', 'Shift right', 5, shiftFlags),
  ...shift('sar', 'Shift arithmetic right', 7, shiftFlags),
  ...define('shl', 'Shift left', shiftFlags)`
    shl reg/mem8, 1            | D0 /6    | decoder-only
    shl reg/mem8, CL           | D2 /6    | decoder-only
    shl reg/mem8, imm8         | C0 /6 ib | decoder-only
    shl reg/mem*, 1            | D1 /6    | decoder-only
    shl reg/mem*, CL           | D3 /6    | decoder-only
    shl reg/mem*, imm8         | C1 /6 ib | decoder-only
  `,
  ...define('shld', 'Shift left double', shiftFlags)`
    shld reg/mem*, reg*, imm8  | 0F A4 /r ib
    shld reg/mem*, reg*, CL    | 0F A5 /r
  `,
  ...define('shrd', 'Shift right double', shiftFlags)`
    shrd reg/mem*, reg*, imm8  | 0F AC /r ib
    shrd reg/mem*, reg*, CL    | 0F AD /r
  `,

  ...bitTest('bt', 'Bit test', 4, {}),
  ...bitTest('bts', 'Bit test and set', 5, { lock: true }),
  ...bitTest('btr', 'Bit test and reset', 6, { lock: true }),
  ...bitTest('btc', 'Bit test and complement', 7, { lock: true }),
  ...define('bsf', 'Bit scan forward', {
    writes: ZF,
    leavesUndefined: ARITHMETIC_FLAGS & ~ZF,
  })`bsf reg*, reg/mem* | 0F BC /r`,
  ...define('bsr', 'Bit scan reverse', {
    writes: ZF,
    leavesUndefined: ARITHMETIC_FLAGS & ~ZF,
  })`bsr reg*, reg/mem* | 0F BD /r`,
  ...define('popcnt', 'Count the bits that are 1', {
    writes: ARITHMETIC_FLAGS,
  })`popcnt reg*, reg/mem* | F3 0F B8 /r`,
  ...define('tzcnt', 'Count trailing zeros', {
    writes: CF | ZF,
    leavesUndefined: OF | SF | AF | PF,
  })`tzcnt reg*, reg/mem* | F3 0F BC /r`,
  ...define('lzcnt', 'Count leading zeros', {
    writes: CF | ZF,
    leavesUndefined: OF | SF | AF | PF,
  })`lzcnt reg*, reg/mem* | F3 0F BD /r`,

  ...define('aaa', 'ASCII adjust after addition', {
    reads: AF,
    writes: AF | CF,
    leavesUndefined: OF | SF | ZF | PF,
  })`aaa | 37 | not-64`,
  ...define('aas', 'ASCII adjust after subtraction', {
    reads: AF,
    writes: AF | CF,
    leavesUndefined: OF | SF | ZF | PF,
  })`aas | 3F | not-64`,
  ...define('daa', 'Decimal adjust after addition', {
    reads: AF | CF,
    writes: ARITHMETIC_FLAGS & ~OF,
    leavesUndefined: OF,
  })`daa | 27 | not-64`,
  ...define('das', 'Decimal adjust after subtraction', {
    reads: AF | CF,
    writes: ARITHMETIC_FLAGS & ~OF,
    leavesUndefined: OF,
  })`das | 2F | not-64`,
  ...define('aam', 'ASCII adjust after multiply', {
    writes: SF | ZF | PF,
    leavesUndefined: OF | AF | CF,
  })`aam imm8 | D4 ib | not-64`,
  ...define('aad', 'ASCII adjust before division', {
    writes: SF | ZF | PF,
    leavesUndefined: OF | AF | CF,
  })`aad imm8 | D5 ib | not-64`,
]
