// Margin boxes in the chapters:
//
//   :::hardware{source="AMD erratum 1234, revision guide 56789"}
//   What real processors do.
//   :::
//
// hardware, kvm and emulators must name their source; note need not. Any other block directive is an error.
import type {} from 'mdast-util-to-hast'
import type { Root } from 'mdast'
import type { ContainerDirective, LeafDirective } from 'mdast-util-directive'
import { visit } from 'unist-util-visit'
import type { VFile } from 'vfile'

const BOXES: Record<string, { title: string; needsSource: boolean }> = {
  hardware: { title: 'Hardware', needsSource: true },
  kvm: { title: 'KVM', needsSource: true },
  emulators: { title: 'Emulators', needsSource: true },
  note: { title: 'Note', needsSource: false },
}

/** An mdast paragraph that becomes <p class=...>. */
function paragraph(className: string, text: string) {
  return {
    type: 'paragraph' as const,
    data: { hProperties: { className: [className] } },
    children: [{ type: 'text' as const, value: text }],
  }
}

function turnIntoBox(node: ContainerDirective | LeafDirective, file: VFile) {
  const box = node.type === 'containerDirective' ? BOXES[node.name] : undefined
  if (box === undefined) {
    const known = Object.keys(BOXES).join(', ')
    file.fail(`unknown directive "${node.name}"; the boxes are ${known}, written :::name ... :::`, node)
  }
  const source = node.attributes?.['source']
  if (box.needsSource && !source) {
    file.fail(`a ${node.name} box names its source: :::${node.name}{source="..."}`, node)
  }
  node.data = {
    ...node.data,
    hName: 'div',
    hProperties: { className: ['box', `box-${node.name}`], role: 'note', ariaLabel: box.title },
  }
  const children: unknown[] = node.children
  children.unshift(paragraph('box-title', box.title))
  if (source) children.push(paragraph('box-source', `Source: ${source}`))
}

export function remarkBoxes() {
  return (tree: Root, file: VFile) => {
    visit(tree, (node, index, parent) => {
      if (node.type === 'containerDirective' || node.type === 'leafDirective') turnIntoBox(node, file)
      // `CS:RIP` in a sentence is no directive.
      if (node.type === 'textDirective' && parent !== undefined && index !== undefined) {
        const value = String(file.value).slice(node.position?.start.offset, node.position?.end.offset)
        parent.children[index] = { type: 'text', value }
      }
    })
  }
}
