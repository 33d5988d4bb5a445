/** Numbers in messages, as the manual writes them. */

/** Hexadecimal with a trailing h: 1000h. */
export function hex(value: bigint | number): string {
  return `${value.toString(16).toUpperCase()}h`
}
