/** The control area of the VMCB, 000h..3FFh (APM vol 2 appendix B, table B-1). */
import {
  CLEAN_BITS,
  CR3_BITS,
  ERAP_BITS,
  EVENTINJ_BITS,
  EXITINTINFO_BITS,
  INTERRUPT_SHADOW_BITS,
  interceptBits,
  NESTED_CONTROL_BITS,
  TLB_CONTROL_BITS,
  VIRTUALIZATION_EXTENSION_BITS,
  VIRTUAL_INTERRUPT_BITS,
} from './bits.ts'
import type { Mover, VmcbField } from './fields.ts'
import { inManual } from './manual.ts'

const IN: readonly Mover[] = ['vmrun']
const OUT: readonly Mover[] = ['vmexit']
const IN_OUT: readonly Mover[] = ['vmrun', 'vmexit']
const NEVER: readonly Mover[] = []

function control(
  offset: number,
  bytes: number,
  key: string,
  name: string,
  section: string,
  description: string,
  moved: readonly Mover[],
  more: Partial<VmcbField> = {},
): VmcbField {
  return {
    key: `control.${key}`,
    name,
    offset,
    bytes,
    description,
    section: inManual(section),
    moved,
    ...more,
  }
}

const INTERCEPTED = [
  'CR reads and writes',
  'DR reads and writes',
  'exceptions',
  'events and instructions',
  'instructions, EFER and CR write traps',
  'newer instructions',
]

const intercepts = INTERCEPTED.map((what, vector) =>
  control(
    vector * 4,
    4,
    `intercept_vector_${vector}`,
    `Intercept vector ${vector}`,
    '15.9',
    `Intercepts of ${what}`,
    IN,
    {
      clean: 'i',
      bits: interceptBits(vector),
    },
  ),
)

// prettier-ignore
export const CONTROL_FIELDS: readonly VmcbField[] = [
  ...intercepts,
  control(0x03c, 2, 'pause_filter_threshold', 'PAUSE Filter Threshold', '15.14.4', 'Time between PAUSEs above which the count starts anew', IN, { feature: 'pausefilterthreshold' }),
  control(0x03e, 2, 'pause_filter_count', 'PAUSE Filter Count', '15.14.4', 'PAUSE instructions before the PAUSE intercept exits', IN, { feature: 'pausefilter', clean: 'i' }),
  control(0x040, 8, 'iopm_base_pa', 'IOPM_BASE_PA', '15.10.1', 'Physical address of the I/O permission map, 12 KB; bits 11:0 are ignored', IN, { clean: 'iopm' }),
  control(0x048, 8, 'msrpm_base_pa', 'MSRPM_BASE_PA', '15.11', 'Physical address of the MSR permission map, 8 KB; bits 11:0 are ignored', IN, { clean: 'iopm' }),
  control(0x050, 8, 'tsc_offset', 'TSC_OFFSET', '15.5.1', 'Added to what RDTSC and RDTSCP read in the guest', IN, { clean: 'i' }),
  control(0x058, 4, 'asid', 'Guest ASID', '15.16', 'Address space identifier of the guest in the TLB; 0 is the host', IN, { clean: 'asid' }),
  control(0x05c, 1, 'tlb_control', 'TLB_CONTROL', '15.16', 'What VMRUN flushes from the TLB; software must set it back', IN, { bits: TLB_CONTROL_BITS }),
  control(0x05d, 1, 'erap_control', 'ERAP control', 'B', 'Return-address predictor of the guest', NEVER, { feature: 'eraps', bits: ERAP_BITS }),
  control(0x060, 8, 'virtual_interrupt', 'Virtual interrupt control', '15.21', 'Virtual interrupt, virtual TPR, virtual GIF and NMI', IN_OUT, { clean: 'tpr', bits: VIRTUAL_INTERRUPT_BITS }),
  control(0x068, 8, 'interrupt_shadow', 'INTERRUPT_SHADOW', '15.21.5', 'The guest is in the shadow of STI or MOV SS', IN_OUT, { bits: INTERRUPT_SHADOW_BITS }),
  control(0x070, 8, 'exit_code', 'EXITCODE', '15.6', 'Why the guest exited; all 64 bits count', OUT),
  control(0x078, 8, 'exit_info_1', 'EXITINFO1', '15.6', 'More about the exit; undefined where the exit does not define it', OUT),
  control(0x080, 8, 'exit_info_2', 'EXITINFO2', '15.6', 'More about the exit; undefined where the exit does not define it', OUT),
  control(0x088, 8, 'exit_int_info', 'EXITINTINFO', '15.7.2', 'The event whose delivery the exit interrupted', OUT, { bits: EXITINTINFO_BITS }),
  control(0x090, 8, 'nested_control', 'Nested paging and encryption control', '15.25.3', 'Nested paging, encryption and page-table options', IN, { bits: NESTED_CONTROL_BITS }),
  control(0x098, 8, 'avic_apic_bar', 'AVIC APIC_BAR', '15.29', 'Guest-physical address of the APIC page', NEVER, { feature: 'avic', clean: 'avic' }),
  control(0x0a0, 8, 'ghcb_pa', 'GHCB', 'B', 'Guest-physical address of the guest-hypervisor communication block', NEVER, { feature: 'sev_es' }),
  control(0x0a8, 8, 'event_inj', 'EVENTINJ', '15.20', 'Event that the guest takes before its first instruction; V is cleared at #VMEXIT', IN_OUT, { bits: EVENTINJ_BITS }),
  control(0x0b0, 8, 'n_cr3', 'N_CR3', '15.25.3', 'Physical address of the top nested page table; never written back', IN, { when: 'nested paging', clean: 'np', bits: CR3_BITS }),
  control(0x0b8, 8, 'virtualization_extensions', 'Virtualization extensions', '15.23', 'Virtualization of LBR, VMLOAD and VMSAVE, IBS and performance counters', IN, { feature: 'lbrvirt', bits: VIRTUALIZATION_EXTENSION_BITS }),
  control(0x0c0, 4, 'clean_bits', 'VMCB Clean Bits', '15.15', 'Groups of fields that software did not change since the last #VMEXIT', IN, { bits: CLEAN_BITS }),
  control(0x0c8, 8, 'n_rip', 'nRIP', '15.7.1', 'Next sequential instruction pointer; zero for most exits that no instruction caused', IN_OUT),
  control(0x0d0, 1, 'instruction_bytes_fetched', 'Number of bytes fetched', '15.8.4', 'How many guest instruction bytes follow', OUT),
  control(0x0d1, 15, 'instruction_bytes', 'Guest instruction bytes', '15.8.4', 'Bytes at CS:rIP, for nested page faults and intercepted #PF of data accesses', OUT),
  control(0x0e0, 8, 'avic_backing_page', 'AVIC APIC_BACKING_PAGE', '15.29', 'Physical address of the virtual APIC', NEVER, { feature: 'avic', clean: 'avic' }),
  control(0x0f0, 8, 'avic_logical_table', 'AVIC LOGICAL_TABLE', '15.29', 'Physical address of the logical APIC ID table', NEVER, { feature: 'avic', clean: 'avic' }),
  control(0x0f8, 8, 'avic_physical_table', 'AVIC PHYSICAL_TABLE', '15.29', 'Physical address of the physical APIC ID table, and its last index', NEVER, { feature: 'avic', clean: 'avic' }),
  control(0x108, 8, 'vmsa_pointer', 'VMSA Pointer', 'B', 'Physical address of the encrypted save area', NEVER, { feature: 'sev_es' }),
  control(0x110, 8, 'vmgexit_rax', 'VMGEXIT_RAX', 'B', 'RAX of an SEV-ES guest at VMGEXIT', NEVER, { feature: 'sev_es' }),
  control(0x118, 1, 'vmgexit_cpl', 'VMGEXIT_CPL', 'B', 'CPL of an SEV-ES guest at VMGEXIT', NEVER, { feature: 'sev_es' }),
  control(0x120, 2, 'bus_lock_counter', 'Bus Lock Threshold Counter', '15.14.5', 'Bus locks before the bus-lock intercept exits; written back at #VMEXIT', IN_OUT, { feature: 'buslockthreshold' }),
  control(0x134, 4, 'update_irr', 'UPDATE_IRR', 'B', 'REQUESTED_IRR is valid', NEVER, { feature: 'sev_snp' }),
  control(0x138, 8, 'allowed_sev_features', 'ALLOWED_SEV_FEATURES', 'B', 'SEV features that the guest may use', NEVER, { feature: 'sev_snp' }),
  control(0x140, 8, 'guest_sev_features', 'GUEST_SEV_FEATURES', 'B', 'SEV features that the guest uses', NEVER, { feature: 'sev_snp' }),
  control(0x150, 32, 'requested_irr', 'REQUESTED_IRR', 'B', 'Interrupts requested from an SEV-SNP guest', NEVER, { feature: 'sev_snp' }),
  control(0x3e0, 32, 'host', 'Reserved for Host usage', 'B', 'For the hypervisor itself; the processor never uses it', NEVER),
]
