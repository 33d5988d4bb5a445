/** System instructions, port I/O, hints and fences (APM vol 3 chapter 4; hints and fences chapter 3). */
import { AC, ALL_FLAGS, ARITHMETIC_FLAGS, IF, RF, VM, ZF } from '../registers.ts'
import { define, type Row } from './row.ts'

export const system: readonly Row[] = [
  ...define('in', 'Input from port')`
    in AL, imm8                | E4 ib
    in AX, imm8                | E5 ib
    in EAX, imm8               | E5 ib    | ignores-rex.w
    in AL, DX                  | EC
    in AX, DX                  | ED
    in EAX, DX                 | ED       | ignores-rex.w
  `,
  ...define('out', 'Output to port')`
    out imm8, AL               | E6 ib    | o8
    out imm8, AX               | E7 ib    | o16
    out imm8, EAX              | E7 ib    | o32 ignores-rex.w
    out DX, AL                 | EE       | o8
    out DX, AX                 | EF       | o16
    out DX, EAX                | EF       | o32 ignores-rex.w
  `,

  ...define('nop', 'No operation')`
    nop                        | 90       | rex.b=0
    nop reg/mem*               | 0F 1F /0
    nop reg/mem*               | 0F 1F /r | decoder-only
    nop reg/mem*               | 0F 19 /r | decoder-only
    nop reg/mem*               | 0F 1A /r | decoder-only
    nop reg/mem*               | 0F 1B /r | decoder-only
    nop reg/mem*               | 0F 1C /r | decoder-only
    nop reg/mem*               | 0F 1D /r | decoder-only
    nop reg/mem*               | 0F 1E /r | decoder-only
  `,
  ...define('nop', 'End of branch, 64-bit (no operation)')`endbr64 | F3 0F 1E FA`,
  ...define('nop', 'End of branch, 32-bit (no operation)')`endbr32 | F3 0F 1E FB`,
  ...define('nop', 'Prefetch a cache line')`
    prefetch mem               | 0F 0D /0
    prefetchw mem              | 0F 0D /1
    prefetchw mem             | 0F 0D /3 | decoder-only
    prefetch mem               | 0F 0D /r | decoder-only
    prefetchnta mem            | 0F 18 /0
    prefetcht0 mem             | 0F 18 /1
    prefetcht1 mem             | 0F 18 /2
    prefetcht2 mem             | 0F 18 /3
    nop reg/mem*               | 0F 18 /r | decoder-only
  `,
  ...define('pause', 'Pause a spin loop')`pause | F3 90`,
  ...define('fence', 'Load fence')`lfence | NP 0F AE /5 | mod=3`,
  ...define('fence', 'Memory fence')`mfence | NP 0F AE /6 | mod=3`,
  ...define('fence', 'Store fence')`sfence | NP 0F AE /7 | mod=3`,
  ...define('clflush', 'Flush a cache line')`
    clflush mem8               | NP 0F AE /7
    clflushopt mem8            | 66 0F AE /7
    clwb mem8                  | 66 0F AE /6
  `,
  ...define('hlt', 'Halt')`hlt | F4`,
  ...define('cpuid', 'Processor identification')`cpuid | 0F A2`,
  ...define('rdtsc', 'Read time-stamp counter')`rdtsc | 0F 31`,
  ...define('rdtscp', 'Read time-stamp counter and processor ID')`rdtscp | 0F 01 F9`,
  ...define('rdpru', 'Read processor register')`rdpru | NP 0F 01 FD`,
  ...define('rdpmc', 'Read performance-monitoring counter')`rdpmc | 0F 33`,
  ...define('rdrand', 'Read random number', { writes: ARITHMETIC_FLAGS })`rdrand reg* | NP 0F C7 /6`,
  ...define('rdseed', 'Read random seed', { writes: ARITHMETIC_FLAGS })`rdseed reg* | NP 0F C7 /7`,

  ...define('lgdt', 'Load global descriptor table register', { hiddenOperandSize: true })`
    lgdt mem16:32              | 0F 01 /2 | not-64
    lgdt mem16:64              | 0F 01 /2 | only-64 fixed o64
  `,
  ...define('lidt', 'Load interrupt descriptor table register', { hiddenOperandSize: true })`
    lidt mem16:32              | 0F 01 /3 | not-64
    lidt mem16:64              | 0F 01 /3 | only-64 fixed o64
  `,
  ...define('sgdt', 'Store global descriptor table register', { hiddenOperandSize: true })`
    sgdt mem16:32              | 0F 01 /0 | not-64
    sgdt mem16:64              | 0F 01 /0 | only-64 fixed o64
  `,
  ...define('sidt', 'Store interrupt descriptor table register', { hiddenOperandSize: true })`
    sidt mem16:32              | 0F 01 /1 | not-64
    sidt mem16:64              | 0F 01 /1 | only-64 fixed o64
  `,
  ...define('sldt', 'Store local descriptor table register')`
    sldt reg16/mem16           | 0F 00 /0
    sldt reg32/mem16           | 0F 00 /0
    sldt reg64/mem16           | 0F 00 /0
  `,
  ...define('str', 'Store task register')`
    str reg16/mem16            | 0F 00 /1
    str reg32/mem16            | 0F 00 /1
    str reg64/mem16            | 0F 00 /1
  `,
  ...define('lldt', 'Load local descriptor table register')`lldt reg/mem16 | 0F 00 /2 | fixed`,
  ...define('ltr', 'Load task register')`ltr reg/mem16 | 0F 00 /3 | fixed`,
  ...define('verr', 'Verify segment for reads', { writes: ZF })`verr reg/mem16 | 0F 00 /4 | fixed`,
  ...define('verw', 'Verify segment for writes', { writes: ZF })`verw reg/mem16 | 0F 00 /5 | fixed`,
  ...define('lar', 'Load access rights', { writes: ZF })`
    lar reg*, reg/mem16   | 0F 02 /r
    lar reg*, reg32/mem16 | 0F 02 /r | assembler-only
  `,
  ...define('lsl', 'Load segment limit', { writes: ZF })`
    lsl reg*, reg/mem16   | 0F 03 /r
    lsl reg*, reg32/mem16 | 0F 03 /r | assembler-only
  `,
  ...define('arpl', 'Adjust requestor privilege level', {
    writes: ZF,
  })`arpl reg/mem16, reg16 | 63 /r | fixed not-64`,
  ...define('smsw', 'Store machine status word')`
    smsw reg16/mem16           | 0F 01 /4
    smsw reg32/mem16           | 0F 01 /4
    smsw reg64/mem16           | 0F 01 /4
  `,
  ...define('lmsw', 'Load machine status word')`lmsw reg/mem16 | 0F 01 /6 | fixed`,
  ...define('clts', 'Clear task-switched flag in CR0')`clts | 0F 06`,
  ...define('invlpg', 'Invalidate TLB entry')`invlpg mem | 0F 01 /7`,
  ...define('invpcid', 'Invalidate TLB entries of a PCID')`
    invpcid reg32, mem128      | 66 0F 38 82 /r | fixed not-64
    invpcid reg64, mem128      | 66 0F 38 82 /r | fixed only-64
  `,
  ...define('invlpgb', 'Invalidate TLB entries on all processors', {
    hiddenAddressSize: true,
  })`invlpgb | NP 0F 01 FE`,
  ...define('tlbsync', 'Wait for TLB invalidations')`tlbsync | NP 0F 01 FF`,
  ...define('invd', 'Invalidate caches')`invd | 0F 08`,
  ...define('wbinvd', 'Write back and invalidate caches')`wbinvd | 0F 09`,
  ...define('wbnoinvd', 'Write back caches, no invalidate')`wbnoinvd | F3 0F 09`,
  ...define('swapgs', 'Swap GS base with KernelGSbase')`swapgs | 0F 01 F8 | only-64`,
  ...define('rdmsr', 'Read model-specific register')`rdmsr | 0F 32`,
  ...define('wrmsr', 'Write model-specific register')`wrmsr | 0F 30`,
  ...define('syscall', 'Fast system call', {
    reads: ALL_FLAGS,
    writes: IF | RF | VM | ARITHMETIC_FLAGS,
  })`syscall | 0F 05`,
  ...define('sysret', 'Fast system return', { writes: ALL_FLAGS, hiddenOperandSize: true })`sysret | 0F 07`,
  ...define('sysenter', 'System call (legacy)', { writes: IF | VM })`sysenter | 0F 34`,
  ...define('sysexit', 'System return (legacy)')`sysexit | 0F 35`,
  ...define('monitor', 'Set up monitor address', { hiddenAddressSize: true })`
    monitor                    | 0F 01 C8
    monitorx                   | NP 0F 01 FA
  `,
  ...define('mwait', 'Monitor wait')`
    mwait                      | 0F 01 C9
    mwaitx                     | 0F 01 FB
  `,
  ...define('xgetbv', 'Get extended control register')`xgetbv | NP 0F 01 D0`,
  ...define('xsetbv', 'Set extended control register')`xsetbv | NP 0F 01 D1`,
  ...define('rdfsbase', 'Read FS base')`
    rdfsbase reg32             | F3 0F AE /0 | only-64
    rdfsbase reg64             | F3 0F AE /0
  `,
  ...define('rdgsbase', 'Read GS base')`
    rdgsbase reg32             | F3 0F AE /1 | only-64
    rdgsbase reg64             | F3 0F AE /1
  `,
  ...define('wrfsbase', 'Write FS base')`
    wrfsbase reg32             | F3 0F AE /2 | only-64
    wrfsbase reg64             | F3 0F AE /2
  `,
  ...define('wrgsbase', 'Write GS base')`
    wrgsbase reg32             | F3 0F AE /3 | only-64
    wrgsbase reg64             | F3 0F AE /3
  `,
  ...define('clac', 'Clear alignment check flag', { writes: AC })`clac | NP 0F 01 CA`,
  ...define('stac', 'Set alignment check flag', { writes: AC })`stac | NP 0F 01 CB`,
  ...define('rsm', 'Resume from system management mode', { writes: ALL_FLAGS })`rsm | 0F AA`,
]
