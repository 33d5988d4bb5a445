/** String and port string instructions (APM vol 3 chapter 3; repeat prefixes §1.2.6). */
import { ARITHMETIC_FLAGS, DF } from '../registers.ts'
import { define, type Row } from './row.ts'

const moves = { reads: DF, repeat: true, hiddenAddressSize: true } as const
const compares = { ...moves, writes: ARITHMETIC_FLAGS } as const

export const strings: readonly Row[] = [
  ...define('movs', 'Move string', moves)`
    movsb                      | A4       | o8
    movsw                      | A5       | o16
    movsd                      | A5       | o32
    movsq                      | A5       | o64
  `,
  ...define('cmps', 'Compare strings', compares)`
    cmpsb                      | A6       | o8
    cmpsw                      | A7       | o16
    cmpsd                      | A7       | o32
    cmpsq                      | A7       | o64
  `,
  ...define('stos', 'Store string', moves)`
    stosb                      | AA       | o8
    stosw                      | AB       | o16
    stosd                      | AB       | o32
    stosq                      | AB       | o64
  `,
  ...define('lods', 'Load string', moves)`
    lodsb                      | AC       | o8
    lodsw                      | AD       | o16
    lodsd                      | AD       | o32
    lodsq                      | AD       | o64
  `,
  ...define('scas', 'Scan string', compares)`
    scasb                      | AE       | o8
    scasw                      | AF       | o16
    scasd                      | AF       | o32
    scasq                      | AF       | o64
  `,
  ...define('ins', 'Input string from port', moves)`
    insb                       | 6C       | o8
    insw                       | 6D       | o16
    insd                       | 6D       | o32 ignores-rex.w
  `,
  ...define('outs', 'Output string to port', moves)`
    outsb                      | 6E       | o8
    outsw                      | 6F       | o16
    outsd                      | 6F       | o32 ignores-rex.w
  `,
]
