/** The JavaScript of a built book: which chunk loads which, and what a page begins with. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inlineScripts, scriptsOf } from './build/page-scripts.ts'

/** import"./a.js", from"./a.js", import("./a.js") or import("/book/_astro/a.js"); bundlers use all three quotes. */
const IMPORT = /\b(?:import|from)\s*(\(\s*)?["'`](?:\.|[^"'`]*\/_astro)\/([\w.-]+\.js)["'`]/g

export interface Imports {
  /** Names of chunks that are loaded before the code runs. */
  readonly atOnce: readonly string[]
  /** Those that it asks for when it runs. */
  readonly later: readonly string[]
}

export function importsOf(code: string): Imports {
  const found = [...code.matchAll(IMPORT)].map(([, call, name]) => ({ name, isCall: call !== undefined }))
  return {
    atOnce: found.filter(({ isCall }) => !isCall).map(({ name }) => name),
    later: found.filter(({ isCall }) => isCall).map(({ name }) => name),
  }
}

/** Names of the chunks that a page begins with. */
export function chunksOfPage(html: string): string[] {
  return scriptsOf(html).flatMap(({ attributes, code }) => {
    const source = /\bsrc="[^"]*\/_astro\/([^"]+)"/.exec(attributes)?.[1]
    return source === undefined ? importsOf(code).atOnce : [source]
  })
}

/** The bytes of a page's own scripts, without data. */
export function inlineCode(html: string): string {
  return inlineScripts(html)
    .map(({ code }) => code)
    .join('\n')
}

/** What a page loads from other origins: scripts, style sheets, images, frames. Links that one follows are none of them. */
export function foreignSources(html: string): string[] {
  const withoutScripts = html.replace(/(<script\b[^>]*>).*?<\/script>/gs, '$1')
  return [...withoutScripts.matchAll(/<(\w+)\b[^>]*?\s(?:src|href|data)="((?:https?:)?\/\/[^"]*)"/g)]
    .filter(([, element]) => element !== 'a')
    .map(([, , source]) => source)
}

/** The chunks of the book in `folder`. */
export class Chunks {
  readonly #folder: string
  readonly #read = new Map<string, { code: string; imports: Imports }>()

  constructor(folder: string) {
    this.#folder = folder
  }

  code(name: string): string {
    return this.#chunk(name).code
  }

  #chunk(name: string): { code: string; imports: Imports } {
    let chunk = this.#read.get(name)
    if (chunk === undefined) {
      const code = readFileSync(join(this.#folder, '_astro', name), 'utf8')
      chunk = { code, imports: importsOf(code) }
      this.#read.set(name, chunk)
    }
    return chunk
  }

  /** `names` and all chunks that these load at once, and of those that they load later the ones that `alsoLater` names. */
  closure(names: readonly string[], alsoLater: (name: string) => boolean = () => false): Set<string> {
    const reached = new Set<string>()
    const waiting = [...names]
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (reached.has(name)) continue
      reached.add(name)
      const { atOnce, later } = this.#chunk(name).imports
      waiting.push(...atOnce, ...later.filter(alsoLater))
    }
    return reached
  }
}
