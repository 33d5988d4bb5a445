// A table wider than the page scrolls in a box of its own, which the keyboard can reach.
import type { Root } from 'hast'
import { SKIP, visit } from 'unist-util-visit'

export function rehypeScrollableTables() {
  return (tree: Root) => {
    visit(tree, 'element', (node, index, parent) => {
      if (node.tagName !== 'table' || parent === undefined || index === undefined) return undefined
      parent.children[index] = {
        type: 'element',
        tagName: 'div',
        properties: { className: ['table'], role: 'group', ariaLabel: 'Table', tabIndex: 0 },
        children: [node],
      }
      return SKIP
    })
  }
}
