/** The script elements of a built page. */

export interface PageScript {
  readonly attributes: string
  /** What stands between the tags. */
  readonly code: string
}

export function scriptsOf(html: string): PageScript[] {
  return [...html.matchAll(/<script\b([^>]*)>(.*?)<\/script>/gs)].map(([, attributes, code]) => ({
    attributes,
    code,
  }))
}

/** Those that stand in the page itself and are run: neither files nor data. */
export function inlineScripts(html: string): PageScript[] {
  return scriptsOf(html).filter(({ attributes }) => !/\bsrc=|\btype="application\/json"/.test(attributes))
}
