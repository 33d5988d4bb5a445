/** Data movement and conversion (APM vol 3 chapter 3; MOV CRn and MOV DRn chapter 4). */
import { AF, ARITHMETIC_FLAGS, CF, PF, SF, ZF } from '../registers.ts'
import { define, type Row } from './row.ts'

export const dataMovement: readonly Row[] = [
  ...define('mov', 'Move')`
    mov reg/mem8, reg8             | 88 /r
    mov reg/mem*, reg*             | 89 /r
    mov reg8, reg/mem8             | 8A /r
    mov reg*, reg/mem*             | 8B /r
    mov AL, moffset8               | A0
    mov AX, moffset16              | A1
    mov EAX, moffset32             | A1
    mov RAX, moffset64             | A1
    mov moffset8, AL               | A2
    mov moffset16, AX              | A3
    mov moffset32, EAX             | A3
    mov moffset64, RAX             | A3
    mov reg8, imm8                 | B0 +r ib
    mov reg16, imm16               | B8 +r iw
    mov reg32, imm32               | B8 +r id
    mov reg64, uimm32              | B8 +r id | o32 only-64 assembler-only
    mov reg64, imm64               | B8 +r iq
    mov reg/mem8, imm8             | C6 /0 ib
    mov reg/mem*, imm*             | C7 /0 i*
  `,
  ...define('mov-segment', 'Move to or from a segment register')`
    mov reg64/mem16, segReg        | 8C /r    | o32 only-64 assembler-only
    mov reg16/mem16, segReg        | 8C /r
    mov reg32/mem16, segReg        | 8C /r
    mov reg64/mem16, segReg        | 8C /r
    mov segReg, reg/mem16          | 8E /r    | fixed
    mov segReg, reg32/mem16        | 8E /r    | fixed assembler-only
    mov segReg, reg64/mem16        | 8E /r    | fixed only-64 assembler-only
  `,
  ...define('mov-control', 'Move to or from a control register', {
    lockSelectsCr8: true,
    leavesUndefined: ARITHMETIC_FLAGS,
  })`
    mov reg32, CRn                 | 0F 20 /r | fixed not-64
    mov reg64, CRn                 | 0F 20 /r | fixed only-64
    mov CRn, reg32                 | 0F 22 /r | fixed o32 not-64
    mov CRn, reg64                 | 0F 22 /r | fixed o64 only-64
  `,
  ...define('mov-debug', 'Move to or from a debug register', { leavesUndefined: ARITHMETIC_FLAGS })`
    mov reg32, DRn                 | 0F 21 /r | fixed not-64
    mov reg64, DRn                 | 0F 21 /r | fixed only-64
    mov DRn, reg32                 | 0F 23 /r | fixed o32 not-64
    mov DRn, reg64                 | 0F 23 /r | fixed o64 only-64
  `,
  ...define('movzx', 'Move with zero-extension')`
    movzx reg*, reg/mem8           | 0F B6 /r
    movzx reg32, reg/mem16         | 0F B7 /r
    movzx reg64, reg/mem16         | 0F B7 /r
    movzx reg16, reg/mem16         | 0F B7 /r | decoder-only
  `,
  ...define('movsx', 'Move with sign-extension')`
    movsx reg*, reg/mem8           | 0F BE /r
    movsx reg32, reg/mem16         | 0F BF /r
    movsx reg64, reg/mem16         | 0F BF /r
    movsx reg16, reg/mem16         | 0F BF /r | decoder-only
    movsx reg64, reg/mem32         | 63 /r    | assembler-only
    movsxd reg64, reg/mem32        | 63 /r
    movsxd reg32, reg/mem32        | 63 /r    | only-64 decoder-only
    movsxd reg16, reg/mem16        | 63 /r    | only-64 decoder-only
  `,
  ...define('lea', 'Load effective address')`lea reg*, mem | 8D /r`,
  ...define('load-far', 'Load far pointer')`
    lds reg16, mem16:16            | C5 /r    | not-64
    lds reg32, mem16:32            | C5 /r    | not-64
    les reg16, mem16:16            | C4 /r    | not-64
    les reg32, mem16:32            | C4 /r    | not-64
    lss reg16, mem16:16            | 0F B2 /r
    lss reg32, mem16:32            | 0F B2 /r | ignores-rex.w
    lfs reg16, mem16:16            | 0F B4 /r
    lfs reg32, mem16:32            | 0F B4 /r | ignores-rex.w
    lgs reg16, mem16:16            | 0F B5 /r
    lgs reg32, mem16:32            | 0F B5 /r | ignores-rex.w
  `,
  ...define('push', 'Push onto the stack')`
    push reg*                      | 50 +r    | default-64
    push reg/mem*                  | FF /6    | default-64
    push simm8                     | 6A ib    | default-64 o*
    push imm*                      | 68 i*    | default-64
  `,
  ...define('push-segment', 'Push a segment register', { hiddenOperandSize: true })`
    push ES                        | 06       | not-64
    push CS                        | 0E       | not-64
    push SS                        | 16       | not-64
    push DS                        | 1E       | not-64
    push FS                        | 0F A0    | default-64
    push GS                        | 0F A8    | default-64
  `,
  ...define('pop', 'Pop from the stack')`
    pop reg*                       | 58 +r    | default-64
    pop reg/mem*                   | 8F /0    | default-64
  `,
  ...define('pop-segment', 'Pop a segment register', { hiddenOperandSize: true })`
    pop ES                         | 07       | not-64
    pop SS                         | 17       | not-64
    pop DS                         | 1F       | not-64
    pop FS                         | 0F A1    | default-64
    pop GS                         | 0F A9    | default-64
  `,
  ...define('pusha', 'Push all general registers')`
    pushaw                         | 60       | not-64 o16
    pushad                         | 60       | not-64 o32
    pusha                          | 60       | not-64 assembler-only
  `,
  ...define('popa', 'Pop all general registers')`
    popaw                          | 61       | not-64 o16
    popad                          | 61       | not-64 o32
    popa                           | 61       | not-64 assembler-only
  `,
  ...define('enter', 'Create procedure stack frame', {
    hiddenOperandSize: true,
  })`enter imm16, imm8 | C8 iw ib | default-64`,
  ...define('leave', 'Delete procedure stack frame', { hiddenOperandSize: true })`leave | C9 | default-64`,
  ...define('xchg', 'Exchange', { lock: true })`
    xchg AX, reg16                 | 90 +r
    xchg EAX, reg32                | 90 +r    | not-self-64
    xchg RAX, reg64                | 90 +r
    xchg reg16, AX                 | 90 +r    | assembler-only
    xchg reg32, EAX                | 90 +r    | not-self-64 assembler-only
    xchg reg64, RAX                | 90 +r    | assembler-only
    xchg reg8, reg/mem8            | 86 /r    | assembler-only
    xchg reg*, reg/mem*            | 87 /r    | assembler-only
    xchg reg/mem8, reg8            | 86 /r
    xchg reg/mem*, reg*            | 87 /r
  `,
  ...define('xadd', 'Exchange and add', { writes: ARITHMETIC_FLAGS, lock: true })`
    xadd reg/mem8, reg8            | 0F C0 /r
    xadd reg/mem*, reg*            | 0F C1 /r
  `,
  ...define('cmpxchg', 'Compare and exchange', { writes: ARITHMETIC_FLAGS, lock: true })`
    cmpxchg reg/mem8, reg8         | 0F B0 /r
    cmpxchg reg/mem*, reg*         | 0F B1 /r
  `,
  ...define('cmpxchg8b', 'Compare and exchange 8 bytes', { writes: ZF, lock: true })`
    cmpxchg8b mem64                | 0F C7 /1 | o16
    cmpxchg8b mem64                | 0F C7 /1 | o32
  `,
  ...define('cmpxchg16b', 'Compare and exchange 16 bytes', {
    writes: ZF,
    lock: true,
  })`cmpxchg16b mem128 | 0F C7 /1 | o64`,
  ...define('cmovcc', 'Move if')`cmovcc reg*, reg/mem* | 0F 40 +cc /r`,
  ...define('setcc', 'Set byte if')`
    setcc reg/mem8                 | 0F 90 +cc /0
    setcc reg/mem8                 | 0F 90 +cc /r | decoder-only
  `,
  ...define('bswap', 'Byte swap')`
    bswap reg16                    | 0F C8 +r | decoder-only
    bswap reg32                    | 0F C8 +r
    bswap reg64                    | 0F C8 +r
  `,
  ...define('xlat', 'Translate table index', { hiddenAddressSize: true })`
    xlatb                          | D7       | o8
    xlat                           | D7       | o8 assembler-only
  `,
  ...define('lahf', 'Load status flags into AH', { reads: SF | ZF | AF | PF | CF })`lahf | 9F | o8`,
  ...define('sahf', 'Store AH into flags', { writes: SF | ZF | AF | PF | CF })`sahf | 9E | o8`,
  ...define('convert', 'Convert to sign-extended')`
    cbw                            | 98       | o16
    cwde                           | 98       | o32
    cdqe                           | 98       | o64
  `,
  ...define('extend-accumulator', 'Convert to sign-extended double')`
    cwd                            | 99       | o16
    cdq                            | 99       | o32
    cqo                            | 99       | o64
  `,
]
