/** An entry of a list of facts (.wb-facts). */
import type { ComponentChildren } from 'preact'

export function Fact({ name, value }: { readonly name: string; readonly value: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
