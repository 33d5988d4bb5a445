/** What the program wrote to the serial port. */
export function ConsolePanel({ text }: { readonly text: string }) {
  if (text === '') return <p class="wb-soft">Nothing was written to the serial port at 3F8h.</p>
  return <pre class="wb-console">{text}</pre>
}
