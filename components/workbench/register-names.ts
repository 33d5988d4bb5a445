/** Names of registers as the manual writes them, where upper case is not enough. */
const NAMES: Readonly<Record<string, string>> = {
  mtrrDefType: 'MTRRdefType',
  kernelGsBase: 'KernelGSbase',
  vmCr: 'VM_CR',
  vmHsavePa: 'VM_HSAVE_PA',
}

/** Of a register under the name that it has in CpuState. */
export function registerName(name: string): string {
  return NAMES[name] ?? name.toUpperCase()
}
