/**
 * Where QEMU TCG is known to differ from the manual, one row for each cause. A row excuses differences in the fields that the
 * cause can change, and in no others, for cases to which it applies. QEMU is version 7.2; its functions are named by topic.
 */
import type { Deviation } from './deviations/deviation.ts'
import { ENTRY } from './deviations/entry.ts'
import { EVENTS } from './deviations/events.ts'
import { EXECUTION } from './deviations/execution.ts'
import { EXIT } from './deviations/exit.ts'

export const DEVIATIONS: readonly Deviation[] = [...EXIT, ...EVENTS, ...EXECUTION, ...ENTRY]
