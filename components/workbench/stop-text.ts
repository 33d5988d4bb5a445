/** What a reader's stop is called, in the list of stops and where a run says why it paused. */
import { exceptionName } from '../../emulator/machine/index.ts'
import { EXIT_CODES } from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import type { ReaderStop } from './protocol.ts'
import { registerName } from './register-names.ts'

/** "line 6 of main.asm", "write to 8 bytes at vmcb". */
export function describeReaderStop(stop: ReaderStop): string {
  switch (stop.kind) {
    case 'line':
      return text.stopAtLine(stop.file, stop.line)
    case 'address':
      return text.stopAtAddress(stop.address)
    case 'exit': {
      const exit = stop.name === undefined ? text.stopAtAnyExit : text.stopAtExit(exitName(stop.name))
      return stop.to === undefined ? exit : text.stopAtExitTo(exit, stop.to)
    }
    case 'exception':
      return stop.vector === undefined
        ? text.stopAtAnyException
        : text.stopAtException(exceptionName(stop.vector))
    case 'memory':
      return text.stopAtAccess(stop.access, stop.bytes, stop.address)
    case 'field':
      return text.stopAtField(stop.field, stop.vmcb)
    case 'register': {
      const register = text.stopAtRegister(registerName(stop.name))
      return stop.processor === 0 ? register : text.ofVcpu(register, stop.processor)
    }
  }
}

function exitName(key: string): string {
  return EXIT_CODES.find((code) => code.key === key)?.name.replace('VMEXIT_', '') ?? key
}
