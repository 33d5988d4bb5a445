/** Jumps, calls, returns, interrupts and flag control (APM vol 3 chapters 3 and 4; branches in 64-bit mode vol 1 §3.7). */
import { AC, ALL_FLAGS, CF, DF, IF, IOPL, NT, RF, TF, VIF, VIP, VM, ZF } from '../registers.ts'
import { define, type Row } from './row.ts'

const interruptFlags = { reads: ALL_FLAGS, writes: TF | IF | NT | RF | VM | AC | VIF } as const
const sized = { hiddenOperandSize: true } as const

export const controlTransfer: readonly Row[] = [
  ...define('jmp', 'Jump', sized)`
    jmp rel8off                | EB cb    | default-64
    jmp rel*                   | E9 c*    | default-64
    jmp reg/mem*               | FF /4    | default-64
  `,
  ...define('jmp-far', 'Jump far', sized)`
    jmp pntr16:16              | EA cd    | o16 not-64
    jmp pntr16:32              | EA cd    | o32 not-64
    jmp far mem16:16           | FF /5    | o16
    jmp far mem16:32           | FF /5    | o32 ignores-rex.w
  `,
  ...define('jcc', 'Jump if', sized)`
    jcc rel8off                | 70 +cc cb    | default-64
    jcc rel*                   | 0F 80 +cc c* | default-64
  `,
  ...define('jcxz', 'Jump if the count register is zero', sized)`
    jcxz rel8off               | E3 cb    | a16 default-64
    jecxz rel8off              | E3 cb    | a32 default-64
    jrcxz rel8off              | E3 cb    | a64 default-64
  `,
  ...define('loop', 'Loop', { hiddenOperandSize: true, hiddenAddressSize: true })`
    loop rel8off               | E2 cb    | default-64
    loop rel8off, CX           | E2 cb    | default-64 a16 assembler-only
    loop rel8off, ECX          | E2 cb    | default-64 a32 assembler-only
    loop rel8off, RCX          | E2 cb    | default-64 a64 assembler-only
  `,
  ...define('loope', 'Loop while equal', { reads: ZF, hiddenOperandSize: true, hiddenAddressSize: true })`
    loope rel8off              | E1 cb    | default-64
    loope rel8off, CX          | E1 cb    | default-64 a16 assembler-only
    loope rel8off, ECX         | E1 cb    | default-64 a32 assembler-only
    loope rel8off, RCX         | E1 cb    | default-64 a64 assembler-only
  `,
  ...define('loopne', 'Loop while not equal', {
    reads: ZF,
    hiddenOperandSize: true,
    hiddenAddressSize: true,
  })`
    loopne rel8off             | E0 cb    | default-64
    loopne rel8off, CX         | E0 cb    | default-64 a16 assembler-only
    loopne rel8off, ECX        | E0 cb    | default-64 a32 assembler-only
    loopne rel8off, RCX        | E0 cb    | default-64 a64 assembler-only
  `,
  ...define('call', 'Call near procedure', sized)`
    call rel*                  | E8 c*    | default-64
    call reg/mem*              | FF /2    | default-64
  `,
  ...define('call-far', 'Call far procedure', sized)`
    call pntr16:16             | 9A cd    | o16 not-64
    call pntr16:32             | 9A cd    | o32 not-64
    call far mem16:16          | FF /3    | o16
    call far mem16:32          | FF /3    | o32 ignores-rex.w
  `,
  ...define('ret', 'Return from near procedure', sized)`
    ret                        | C3       | default-64
    ret imm16                  | C2 iw    | default-64
  `,
  ...define('ret-far', 'Return from far procedure', sized)`
    retf                       | CB
    retf imm16                 | CA iw
    retfw                      | CB       | o16 assembler-only
    retfd                      | CB       | o32 assembler-only
    retfq                      | CB       | o64 assembler-only
  `,

  ...define('int', 'Interrupt to vector', interruptFlags)`int imm8 | CD ib`,
  ...define('int3', 'Breakpoint', interruptFlags)`int3 | CC`,
  ...define('into', 'Interrupt on overflow', interruptFlags)`into | CE | not-64`,
  ...define('int1', 'Debug trap (ICEBP)', interruptFlags)`int1 | F1`,
  ...define('iret', 'Return from interrupt', { reads: VM | IOPL | NT, writes: ALL_FLAGS })`
    iretw                      | CF       | o16
    iretd                      | CF       | o32
    iretq                      | CF       | o64
    iret                       | CF       | assembler-only
  `,
  ...define('bound', 'Check array bounds')`
    bound reg16, mem16&mem16   | 62 /r    | not-64
    bound reg32, mem32&mem32   | 62 /r    | not-64
  `,

  ...define('pushf', 'Push flags', { reads: ALL_FLAGS })`
    pushfw                     | 9C       | o16
    pushfd                     | 9C       | o32 default-64
    pushfq                     | 9C       | o64 default-64
    pushf                      | 9C       | default-64 assembler-only
  `,
  ...define('popf', 'Pop flags', { reads: VM | IOPL, writes: ALL_FLAGS & ~VM })`
    popfw                      | 9D       | o16
    popfd                      | 9D       | o32 default-64
    popfq                      | 9D       | o64 default-64
    popf                       | 9D       | default-64 assembler-only
  `,
  ...define('cmc', 'Complement carry flag', { reads: CF, writes: CF })`cmc | F5`,
  ...define('clc', 'Clear carry flag', { writes: CF })`clc | F8`,
  ...define('stc', 'Set carry flag', { writes: CF })`stc | F9`,
  ...define('cld', 'Clear direction flag', { writes: DF })`cld | FC`,
  ...define('std', 'Set direction flag', { writes: DF })`std | FD`,
  ...define('cli', 'Clear interrupt flag', { reads: IOPL | VM, writes: IF | VIF })`cli | FA`,
  ...define('sti', 'Set interrupt flag', { reads: IOPL | VM | VIP, writes: IF | VIF })`sti | FB`,

  ...define('ud2', 'Undefined instruction')`ud2 | 0F 0B`,
  ...define('ud1', 'Undefined instruction')`ud1 reg*, reg/mem* | 0F B9 /r`,
  ...define('ud0', 'Undefined instruction')`ud0 | 0F FF`,
]
