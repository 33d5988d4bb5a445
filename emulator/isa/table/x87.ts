/** x87 instructions (APM vol 5; FXSAVE and the XSAVE family vol 4). Absent: those that compute logarithms, powers and angles. */
import { ARITHMETIC_FLAGS, CF, PF, ZF } from '../registers.ts'
import { define, type Row } from './row.ts'

const X87 = { section: 'APM vol 5' } as const
const COMPARES = { ...X87, writes: ARITHMETIC_FLAGS } as const
const ENVIRONMENT = { ...X87, hiddenOperandSize: true } as const
const SAVE = { section: 'APM vol 4' } as const

/** What FCMOVcc asks of rFLAGS, in the order of the opcodes. */
const CONDITIONS: Readonly<Record<string, string>> = {
  b: 'below (CF = 1)',
  e: 'equal (ZF = 1)',
  be: 'below or equal (CF = 1 or ZF = 1)',
  u: 'unordered (PF = 1)',
  nb: 'not below (CF = 0)',
  ne: 'not equal (ZF = 0)',
  nbe: 'not below or equal (CF = 0 and ZF = 0)',
  nu: 'not unordered (PF = 0)',
}

/**
 * The forms of an arithmetic instruction: ModRM.reg of those with memory, ModRM of those with destination ST(0), and of those with
 * destination ST(i). Subtraction and division trade places between the last two.
 */
function arithmetic(name: string, title: string, digit: number, toTop: string, toOther: string): Row[] {
  const integer = name.replace('f', 'fi')
  return [
    ...define(name, title, X87)`
      ${name} ST(i), ST(0)  | DC ${toOther}+i
      ${name} ST(0), ST(i)  | D8 ${toTop}+i
      ${name} ST(i)         | D8 ${toTop}+i | assembler-only
      ${name} mem32real     | D8 /${digit}
      ${name} mem64real     | DC /${digit}
    `,
    ...define(`${name}p`, `${title} and pop`, X87)`
      ${name}p ST(i), ST(0) | DE ${toOther}+i
      ${name}p ST(i)        | DE ${toOther}+i | assembler-only
      ${name}p              | DE ${toOther.replace(/.$/, (low) => (low === '0' ? '1' : '9'))} | assembler-only
    `,
    ...define(integer, `${title} integer`, X87)`
      ${integer} mem16int   | DE /${digit}
      ${integer} mem32int   | DA /${digit}
    `,
  ]
}

export const x87: readonly Row[] = [
  ...define('fld', 'Load floating-point number', X87)`
    fld ST(i)               | D9 C0+i
    fld mem32real           | D9 /0
    fld mem64real           | DD /0
    fld mem80real           | DB /5
  `,
  ...define('fst', 'Store floating-point number', X87)`
    fst ST(i)               | DD D0+i
    fst mem32real           | D9 /2
    fst mem64real           | DD /2
  `,
  ...define('fstp', 'Store floating-point number and pop', X87)`
    fstp ST(i)              | DD D8+i
    fstp mem32real          | D9 /3
    fstp mem64real          | DD /3
    fstp mem80real          | DB /7
  `,
  ...define('fild', 'Load integer', X87)`
    fild mem16int           | DF /0
    fild mem32int           | DB /0
    fild mem64int           | DF /5
  `,
  ...define('fist', 'Store integer', X87)`
    fist mem16int           | DF /2
    fist mem32int           | DB /2
  `,
  ...define('fistp', 'Store integer and pop', X87)`
    fistp mem16int          | DF /3
    fistp mem32int          | DB /3
    fistp mem64int          | DF /7
  `,
  ...define('fisttp', 'Truncate, store integer and pop', X87)`
    fisttp mem16int         | DF /1
    fisttp mem32int         | DB /1
    fisttp mem64int         | DD /1
  `,
  ...define('fbld', 'Load packed decimal number', X87)`fbld mem80dec | DF /4`,
  ...define('fbstp', 'Store packed decimal number and pop', X87)`fbstp mem80dec | DF /6`,
  ...define('fld1', 'Load one', X87)`fld1 | D9 E8`,
  ...define('fldl2t', 'Load the logarithm of 10 to base 2', X87)`fldl2t | D9 E9`,
  ...define('fldl2e', 'Load the logarithm of e to base 2', X87)`fldl2e | D9 EA`,
  ...define('fldpi', 'Load pi', X87)`fldpi | D9 EB`,
  ...define('fldlg2', 'Load the logarithm of 2 to base 10', X87)`fldlg2 | D9 EC`,
  ...define('fldln2', 'Load the natural logarithm of 2', X87)`fldln2 | D9 ED`,
  ...define('fldz', 'Load zero', X87)`fldz | D9 EE`,
  ...define('fxch', 'Exchange stack registers', X87)`
    fxch ST(i)              | D9 C8+i
    fxch                    | D9 C9      | assembler-only
    fxch ST(0), ST(i)       | D9 C8+i    | assembler-only
    fxch ST(i), ST(0)       | D9 C8+i    | assembler-only
  `,
  ...['b', 'e', 'be', 'u', 'nb', 'ne', 'nbe', 'nu'].flatMap(
    (condition, i) =>
      define(`fcmov${condition}`, `Move if ${CONDITIONS[condition]}`, {
        ...X87,
        reads: CF | PF | ZF,
      })`fcmov${condition} ST(0), ST(i) | ${i < 4 ? 'DA' : 'DB'} ${['C0', 'C8', 'D0', 'D8'][i % 4]}+i`,
  ),

  ...arithmetic('fadd', 'Add', 0, 'C0', 'C0'),
  ...arithmetic('fmul', 'Multiply', 1, 'C8', 'C8'),
  ...arithmetic('fsub', 'Subtract', 4, 'E0', 'E8'),
  ...arithmetic('fsubr', 'Subtract from the other operand', 5, 'E8', 'E0'),
  ...arithmetic('fdiv', 'Divide', 6, 'F0', 'F8'),
  ...arithmetic('fdivr', 'Divide the other operand', 7, 'F8', 'F0'),
  ...define('fchs', 'Change sign', X87)`fchs | D9 E0`,
  ...define('fabs', 'Absolute value', X87)`fabs | D9 E1`,
  ...define('fsqrt', 'Square root', X87)`fsqrt | D9 FA`,
  ...define('frndint', 'Round to integer', X87)`frndint | D9 FC`,
  ...define('fscale', 'Scale by a power of 2', X87)`fscale | D9 FD`,
  ...define('fxtract', 'Extract exponent and significand', X87)`fxtract | D9 F4`,
  ...define('fprem', 'Partial remainder, truncating', X87)`fprem | D9 F8`,
  ...define('fprem1', 'Partial remainder, rounding', X87)`fprem1 | D9 F5`,

  ...define('fcom', 'Compare', X87)`
    fcom ST(i)              | D8 D0+i
    fcom                    | D8 D1      | assembler-only
    fcom ST(0), ST(i)       | D8 D0+i    | assembler-only
    fcom mem32real          | D8 /2
    fcom mem64real          | DC /2
  `,
  ...define('fcomp', 'Compare and pop', X87)`
    fcomp ST(i)             | D8 D8+i
    fcomp                   | D8 D9      | assembler-only
    fcomp ST(0), ST(i)      | D8 D8+i    | assembler-only
    fcomp mem32real         | D8 /3
    fcomp mem64real         | DC /3
  `,
  ...define('fcompp', 'Compare and pop twice', X87)`fcompp | DE D9`,
  ...define('ficom', 'Compare with integer', X87)`
    ficom mem16int          | DE /2
    ficom mem32int          | DA /2
  `,
  ...define('ficomp', 'Compare with integer and pop', X87)`
    ficomp mem16int         | DE /3
    ficomp mem32int         | DA /3
  `,
  ...define('fucom', 'Compare, unordered', X87)`
    fucom ST(i)             | DD E0+i
    fucom                   | DD E1      | assembler-only
    fucom ST(0), ST(i)      | DD E0+i    | assembler-only
  `,
  ...define('fucomp', 'Compare, unordered, and pop', X87)`
    fucomp ST(i)            | DD E8+i
    fucomp                  | DD E9      | assembler-only
    fucomp ST(0), ST(i)     | DD E8+i    | assembler-only
  `,
  ...define('fucompp', 'Compare, unordered, and pop twice', X87)`fucompp | DA E9`,
  ...define('fcomi', 'Compare and set flags', COMPARES)`fcomi ST(0), ST(i) | DB F0+i`,
  ...define('fcomip', 'Compare, set flags and pop', COMPARES)`fcomip ST(0), ST(i) | DF F0+i`,
  ...define('fucomi', 'Compare, unordered, and set flags', COMPARES)`fucomi ST(0), ST(i) | DB E8+i`,
  ...define('fucomip', 'Compare, unordered, set flags and pop', COMPARES)`fucomip ST(0), ST(i) | DF E8+i`,
  ...define('ftst', 'Compare with zero', X87)`ftst | D9 E4`,
  ...define('fxam', 'Examine', X87)`fxam | D9 E5`,

  ...define('fnop', 'Floating-point no operation', X87)`fnop | D9 D0`,
  ...define('ffree', 'Free a stack register', X87)`ffree ST(i) | DD C0+i`,
  ...define('fincstp', 'Increment the top of the stack', X87)`fincstp | D9 F7`,
  ...define('fdecstp', 'Decrement the top of the stack', X87)`fdecstp | D9 F6`,
  ...define('fwait', 'Wait for unmasked exceptions', X87)`fwait | 9B`,
  ...define('fldcw', 'Load control word', X87)`fldcw mem2env | D9 /5`,
  ...define('fnstcw', 'Store control word', X87)`
    fnstcw mem2env          | D9 /7
    fstcw mem2env           | 9B D9 /7   | assembler-only
  `,
  ...define('fnstsw', 'Store status word', X87)`
    fnstsw AX               | DF E0
    fnstsw mem2env          | DD /7
    fstsw AX                | 9B DF E0   | assembler-only
    fstsw mem2env           | 9B DD /7   | assembler-only
  `,
  ...define('fnclex', 'Clear exceptions', X87)`
    fnclex                  | DB E2
    fclex                   | 9B DB E2   | assembler-only
  `,
  ...define('fninit', 'Initialize', X87)`
    fninit                  | DB E3
    finit                   | 9B DB E3   | assembler-only
  `,
  ...define('fldenv', 'Load environment', ENVIRONMENT)`fldenv mem14/28env | D9 /4`,
  ...define('fnstenv', 'Store environment', ENVIRONMENT)`
    fnstenv mem14/28env     | D9 /6
    fstenv mem14/28env      | 9B D9 /6   | assembler-only
  `,
  ...define('frstor', 'Restore x87 state', ENVIRONMENT)`frstor mem94/108env | DD /4`,
  ...define('fnsave', 'Save x87 state and initialize', ENVIRONMENT)`
    fnsave mem94/108env     | DD /6
    fsave mem94/108env      | 9B DD /6   | assembler-only
  `,

  ...define('fxsave', 'Save x87 state', SAVE)`
    fxsave64 mem512env      | NP 0F AE /0 | o64
    fxsave mem512env        | NP 0F AE /0
  `,
  ...define('fxrstor', 'Restore x87 state', SAVE)`
    fxrstor64 mem512env     | NP 0F AE /1 | o64
    fxrstor mem512env       | NP 0F AE /1
  `,
  ...define('xsave', 'Save extended states', SAVE)`
    xsave64 mem             | NP 0F AE /4 | o64
    xsave mem               | NP 0F AE /4
  `,
  ...define('xrstor', 'Restore extended states', SAVE)`
    xrstor64 mem            | NP 0F AE /5 | o64
    xrstor mem              | NP 0F AE /5
  `,
]
