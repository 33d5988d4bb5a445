/** Numbers as the manual writes them; amounts and times as readers do. */

/** "668h"; single decimal digits stand alone. */
export function hex(value: bigint | number): string {
  const digits = value.toString(16).toUpperCase()
  return value < 10 ? digits : `${digits}h`
}

/** All digits of a value of `bytes` bytes, in groups of four from the right: "0007_0406_0007_0406h". */
export function hexWide(value: bigint | number, bytes: number): string {
  const digits = value
    .toString(16)
    .toUpperCase()
    .padStart(bytes * 2, '0')
  return `${digits.replace(/(?<=.)(?=(?:.{4})+$)/g, '_')}h`
}

/** "12,345" */
export function count(value: number): string {
  return value.toLocaleString('en')
}

/** "1 error", "2 errors" */
export function plural(amount: number, one: string, many = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`
}

/** "22 Nov 2026, 14:03", in the reader's time zone. `milliseconds` since 1970. */
export function when(milliseconds: number): string {
  return new Date(milliseconds).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}
