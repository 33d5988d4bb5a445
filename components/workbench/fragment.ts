/** The part of an address that says which lab a link is about; the page looks at it before it loads anything of a lab. */

/** What the fragment of a link to the state of a lab begins with, "#" included. */
export function fragmentOf(slug: string): string {
  return `#lab-${slug}=`
}
