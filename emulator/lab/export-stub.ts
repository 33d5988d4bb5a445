/**
 * The code that a multiboot loader enters (Multiboot Specification 0.6.96) and that leaves a PC in the state in which a lab begins:
 * it clears the lab's RAM, copies what lies in it, and loads the registers. It lies above the lab's RAM, so nothing of it is left
 * where the lab looks, but for the accessed bits of the mapping that it runs in. Firmware's doings are undone: MTRRs, both 8259s masked, the
 * local APIC off.
 */
import { GENERAL_REGISTERS, type CpuState, type StartKind } from '../machine/index.ts'

/** Memory-mapped devices and the firmware of a PC: no RAM is between these addresses. */
export const PC_HOLE = { start: 0xa_0000, end: 0x10_0000 } as const

const EFER_LMA = 1n << 10n

const MSR = { pat: 0x277, mtrrDefType: 0x2ff, efer: 0xc000_0080, vmHsavePa: 0xc001_0117 } as const
const VARIABLE_MTRRS = 8
/** MTRRphysMaskn is at 201h + 2 * n. */
const FIRST_MTRR_MASK = 0x201

const SPURIOUS_INTERRUPT_REGISTER = 0xfee0_00f0

/** Registers that a PC has other values in when a loader has been at work. A 0 in VM_HSAVE_PA is left alone: it needs SVM to be written. */
function modelSpecific({ system }: CpuState): readonly (readonly [number, bigint])[] {
  const masks = Array.from({ length: VARIABLE_MTRRS }, (_, n) => [FIRST_MTRR_MASK + 2 * n, 0n] as const)
  return [
    ...masks,
    [MSR.pat, system.pat],
    [MSR.mtrrDefType, system.mtrrDefType],
    // LMA follows from LME and CR0.PG.
    [MSR.efer, system.efer & ~EFER_LMA],
    ...(system.vmHsavePa === 0n ? [] : [[MSR.vmHsavePa, system.vmHsavePa] as const]),
  ]
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`
}

/** MOV to each general register; it leaves the flags alone. */
function loadGeneral(
  { general }: CpuState,
  names: readonly (keyof CpuState['general'])[],
  prefix: 'r' | 'e',
) {
  return names.map(
    (name) => `        mov ${prefix === 'r' ? name : `e${name.slice(1)}`}, ${hex(general[name])}`,
  )
}

function loadData({ segments }: CpuState): string[] {
  return [
    `        mov ax, ${hex(segments.ds.selector)}`,
    ...(['ds', 'es', 'fs', 'gs', 'ss'] as const).map((name) => `        mov ${name}, ax`),
  ]
}

const SHORT_REGISTERS = GENERAL_REGISTERS.slice(0, 8)

/** From flat 32-bit code, with all but CR0, segments and general registers loaded, to the lab's first instruction. */
const TAIL: Readonly<Record<Exclude<StartKind, 'reset'>, (start: CpuState) => readonly string[]>> = {
  long: (start) => [
    '        mov cr0, eax',
    `        jmp dword ${hex(start.segments.cs.selector)}:in_64_bits`,
    '        bits 64',
    'in_64_bits:',
    ...loadData(start),
    ...loadGeneral(start, GENERAL_REGISTERS, 'r'),
    '        jmp qword [abs first]',
  ],
  protected: (start) => [
    '        mov cr0, eax',
    `        jmp dword ${hex(start.segments.cs.selector)}:reloaded`,
    'reloaded:',
    ...loadData(start),
    ...loadGeneral(start, SHORT_REGISTERS, 'e'),
    '        jmp dword [first]',
  ],
  // With CR0.PE cleared, CS keeps the base of its last descriptor until the far jump (APM vol 2 §4.5).
  real: (start) => [
    '        lgdt [stub_gdtr]',
    '        jmp dword 8:in_16_bits - stub',
    '        bits 16',
    'in_16_bits:',
    '        mov bx, 16',
    ...['ds', 'es', 'fs', 'gs', 'ss'].map((name) => `        mov ${name}, bx`),
    '        lgdt [cs:start_gdtr - stub]',
    '        mov cr0, eax',
    ...loadData(start),
    ...loadGeneral(start, SHORT_REGISTERS, 'e'),
    `        jmp ${hex(start.segments.cs.selector)}:${hex(start.rip)}`,
  ],
}

/**
 * The source of an ELF32 file for the address `base`, at which the lab's RAM ends. What the lab has in RAM follows it, in `contents`
 * bytes: pieces, each a destination, a number of 4-byte words, and those words. The last piece has no words.
 */
export function stubSource(
  kind: Exclude<StartKind, 'reset'>,
  start: CpuState,
  base: number,
  contents: number,
): string {
  const { system, gdtr, idtr, rflags } = start
  return `        org ${hex(base)}
        bits 32
stub:                                   ; ELF header: a 32-bit executable for the i386
        db 0x7f, "ELF", 1, 1, 1
        times 9 db 0
        dw 2, 3
        dd 1, begin, program_header - stub, 0, 0
        dw 52, 32, 1, 0, 0, 0
program_header:                         ; one segment: the whole file
        dd 1, 0, stub, stub, size, size, 7, 4096
        align 4
        dd 0x1badb002, 0, 0xe4524ffe    ; multiboot header: magic, flags, checksum

begin:  cli
        cld
        mov esp, stack
        xor eax, eax
        xor edi, edi
        mov ecx, ${hex(PC_HOLE.start / 4)}
        rep stosd
        mov edi, ${hex(PC_HOLE.end)}
        mov ecx, ${hex((base - PC_HOLE.end) / 4)}
        rep stosd
        mov esi, contents
.piece: lodsd
        mov edi, eax
        lodsd
        mov ecx, eax
        rep movsd
        test eax, eax
        jnz .piece

        mov al, 0xff                    ; no interrupts from the 8259s
        out 0x21, al
        out 0xa1, al
        mov dword [${hex(SPURIOUS_INTERRUPT_REGISTER)}], 0xff
        fninit
        mov esi, registers
.msr:   mov ecx, [esi]
        jecxz .loaded
        mov eax, [esi + 4]
        mov edx, [esi + 8]
        wrmsr
        add esi, 12
        jmp .msr
.loaded:
        lgdt [start_gdtr]
        lidt [start_idtr]
        mov eax, ${hex(system.cr4)}
        mov cr4, eax
        mov eax, ${hex(system.cr3)}
        mov cr3, eax
        push dword ${hex(rflags)}
        popfd                           ; what follows leaves the flags alone
        mov eax, ${hex(system.cr0)}
${TAIL[kind](start).join('\n')}

        align 8
first:  dq ${hex(start.rip)}
start_gdtr:
        dw ${hex(gdtr.limit)}
        dd ${hex(gdtr.base)}
start_idtr:
        dw ${hex(idtr.limit)}
        dd ${hex(idtr.base)}
stub_gdtr:
        dw 23
        dd stub_gdt
        align 8
stub_gdt:                               ; 08h: 16-bit code at the stub; 10h: 16-bit data at 0
        dq 0
        dw 0xffff, ${hex(base & 0xffff)}, ${hex(0x9b00 | ((base >> 16) & 0xff))}, ${hex((base >> 16) & 0xff00)}
        dw 0xffff, 0, 0x9300, 0
registers:
${modelSpecific(start)
  .map(([index, value]) => `        dd ${hex(index)}, ${hex(value & 0xffff_ffffn)}, ${hex(value >> 32n)}`)
  .join('\n')}
        dd 0
        times 16 dd 0
stack:
contents:
size    equ contents - stub + ${contents}
`
}
