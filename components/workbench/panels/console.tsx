/** What the program wrote to the serial port. */
import type { PanelProps } from './registry.tsx'

export function ConsolePanel({ store }: Pick<PanelProps, 'store'>) {
  const text = store.console.value
  if (text === '') return <p class="wb-soft">Nothing was written to the serial port at 3F8h.</p>
  return <pre class="wb-console">{text}</pre>
}
