/** Condition codes of jcc, setcc and cmovcc (APM vol 3 §1.5 "rFLAGS for Jcc, CMOVcc and SETcc"). */
import { CF, OF, PF, SF, ZF } from '../registers.ts'

/** One of the 16 conditions; its number is the low nibble of the opcode. The first name is the one we print. */
export interface Condition {
  readonly names: readonly string[]
  readonly flags: number
  readonly meaning: string
}

export const conditions: readonly Condition[] = [
  { names: ['o'], flags: OF, meaning: 'overflow (OF = 1)' },
  { names: ['no'], flags: OF, meaning: 'no overflow (OF = 0)' },
  { names: ['b', 'c', 'nae'], flags: CF, meaning: 'below (CF = 1)' },
  { names: ['ae', 'nc', 'nb'], flags: CF, meaning: 'above or equal (CF = 0)' },
  { names: ['z', 'e'], flags: ZF, meaning: 'zero or equal (ZF = 1)' },
  { names: ['nz', 'ne'], flags: ZF, meaning: 'not zero or not equal (ZF = 0)' },
  { names: ['be', 'na'], flags: CF | ZF, meaning: 'below or equal (CF = 1 or ZF = 1)' },
  { names: ['a', 'nbe'], flags: CF | ZF, meaning: 'above (CF = 0 and ZF = 0)' },
  { names: ['s'], flags: SF, meaning: 'sign (SF = 1)' },
  { names: ['ns'], flags: SF, meaning: 'no sign (SF = 0)' },
  { names: ['p', 'pe'], flags: PF, meaning: 'parity even (PF = 1)' },
  { names: ['np', 'po'], flags: PF, meaning: 'parity odd (PF = 0)' },
  { names: ['l', 'nge'], flags: SF | OF, meaning: 'less (SF ≠ OF)' },
  { names: ['ge', 'nl'], flags: SF | OF, meaning: 'greater or equal (SF = OF)' },
  { names: ['le', 'ng'], flags: ZF | SF | OF, meaning: 'less or equal (ZF = 1 or SF ≠ OF)' },
  { names: ['g', 'nle'], flags: ZF | SF | OF, meaning: 'greater (ZF = 0 and SF = OF)' },
]
