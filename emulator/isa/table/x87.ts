/** x87 instructions (APM vol 5). */
import { define, type Row } from './row.ts'

export const x87: readonly Row[] = [...define('fnop', 'Floating-point no operation')`fnop | D9 D0`]
