/** l0.yaml as a language of Monaco. Loaded for labs that have such a text: the schema comes with it. */
import { completeL0, classifyL0, hoverL0 } from './l0.ts'
import { complete, highlight, hover } from './languages.ts'
import { monaco } from './monaco.ts'

export function registerL0Language(id: string): void {
  monaco.languages.setLanguageConfiguration(id, {
    comments: { lineComment: '#' },
    brackets: [['{', '}']],
    wordPattern: /[\w.-]+/,
  })
  highlight(id, classifyL0)
  complete(id, (before, _, above) => completeL0(before, above), /[\w.-]*$/)
  hover(id, { word: /[\w.-]+/g, comment: '#' }, ({ word, before, above }) => hoverL0(word, before, above))
}
