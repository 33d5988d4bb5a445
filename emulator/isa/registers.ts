/** Register numbering of the manual (APM vol 3 §1.4, table 1-10): the number that ModRM, SIB, opcode bits and REX encode. */

/** General-purpose registers by number; the same number names AL/AX/EAX/RAX. */
export const RAX = 0
export const RCX = 1
export const RDX = 2
export const RBX = 3
export const RSP = 4
export const RBP = 5
export const RSI = 6
export const RDI = 7

/** Segment registers by number. LDTR and TR follow, for the places that hold all hidden segment state. */
export const ES = 0
export const CS = 1
export const SS = 2
export const DS = 3
export const FS = 4
export const GS = 5
export const LDTR = 6
export const TR = 7

/** rFLAGS bits (APM vol 2 §3.1.6). */
export const CF = 1 << 0
export const PF = 1 << 2
export const AF = 1 << 4
export const ZF = 1 << 6
export const SF = 1 << 7
export const TF = 1 << 8
export const IF = 1 << 9
export const DF = 1 << 10
export const OF = 1 << 11
export const IOPL = 3 << 12
export const NT = 1 << 14
export const RF = 1 << 16
export const VM = 1 << 17
export const AC = 1 << 18
export const VIF = 1 << 19
export const VIP = 1 << 20
export const ID = 1 << 21

/** The six arithmetic flags, kept lazily by the executors. */
export const ARITHMETIC_FLAGS = CF | PF | AF | ZF | SF | OF

/** Every flag that software can see. */
export const ALL_FLAGS = ARITHMETIC_FLAGS | TF | IF | DF | IOPL | NT | RF | VM | AC | VIF | VIP | ID
