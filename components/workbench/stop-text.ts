/** What a reader's stop is called, in the list of stops and where a run says why it paused. */
import { exceptionName } from '../../emulator/machine/index.ts'
import { EXIT_CODES } from '../../emulator/svm/index.ts'
import type { ReaderStop } from './protocol.ts'
import { registerName } from './register-names.ts'

/** "line 6 of main.asm", "write to 8 bytes at vmcb". */
export function describeReaderStop(stop: ReaderStop): string {
  switch (stop.kind) {
    case 'line':
      return `line ${stop.line} of ${stop.file}`
    case 'address':
      return `instruction at ${stop.address}`
    case 'exit':
      return `${stop.name === undefined ? 'any #VMEXIT' : `#VMEXIT(${exitName(stop.name)})`}${stop.to === undefined ? '' : ` to ${stop.to}`}`
    case 'exception':
      return stop.vector === undefined ? 'any exception' : `exception ${exceptionName(stop.vector)}`
    case 'memory':
      return `${stop.access} of ${stop.bytes === 1 ? '1 byte' : `${stop.bytes} bytes`} at ${stop.address}`
    case 'field':
      return `write to ${stop.field} of the VMCB at ${stop.vmcb}`
    case 'register':
      return `change of ${registerName(stop.name)}${stop.processor === 0 ? '' : ` of vCPU ${stop.processor}`}`
  }
}

function exitName(key: string): string {
  return EXIT_CODES.find((code) => code.key === key)?.name.replace('VMEXIT_', '') ?? key
}
