// Margin boxes in the chapters:
//
//   :::kvm{source="linux-nested; linux-svm svm_enter_smm()"}
//   What KVM does.
//   :::
//
// hardware, kvm and emulators must name their sources, entries of content/sources.yaml with the place in each; note need
// not. The names become :cite directives, which remark-references.ts turns into links. Any other block directive is an error.
import type {} from 'mdast-util-to-hast'
import type { Paragraph, Root } from 'mdast'
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
function paragraph(className: string, children: Paragraph['children']): Paragraph {
  return { type: 'paragraph', data: { hProperties: { className: [className] } }, children }
}

const text = (value: string) => ({ type: 'text' as const, value })

/** "linux-nested; linux-svm svm_enter_smm()" as :cite directives, at the place of the box for errors. */
function citations(list: string, { position }: ContainerDirective | LeafDirective): Paragraph['children'] {
  return list.split(';').flatMap((item) => {
    const [, id = '', at = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(item) ?? []
    return [
      text(' '),
      { type: 'textDirective', name: 'cite', attributes: { at }, children: [text(id)], position } as const,
    ]
  })
}

function turnIntoBox(node: ContainerDirective | LeafDirective, file: VFile) {
  const box = node.type === 'containerDirective' ? BOXES[node.name] : undefined
  if (box === undefined) {
    const known = Object.keys(BOXES).join(', ')
    file.fail(`unknown directive "${node.name}"; the boxes are ${known}, written :::name ... :::`, node)
  }
  const sources = node.attributes?.['source']
  if (box.needsSource && !sources) {
    file.fail(`a ${node.name} box names its sources: :::${node.name}{source="id; id place"}`, node)
  }
  node.data = {
    ...node.data,
    hName: 'div',
    hProperties: { className: ['box', `box-${node.name}`], role: 'note', ariaLabel: box.title },
  }
  const children: unknown[] = node.children
  children.unshift(paragraph('box-title', [text(box.title)]))
  if (sources) children.push(paragraph('box-source', citations(sources, node)))
}

export function remarkBoxes() {
  return (tree: Root, file: VFile) => {
    visit(tree, (node) => {
      if (node.type === 'containerDirective' || node.type === 'leafDirective') turnIntoBox(node, file)
    })
  }
}
