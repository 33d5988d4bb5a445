// Chapters as HTML. Their tables and predictions are runs of the machine, some of them seconds long: the page that has all chapters
// takes what the chapters' own pages made.
const kept = new Map<string, string>()

/** What keep() was given under this name, in this build. */
export function keptHtml(name: string): string | undefined {
  return kept.get(name)
}

export function keep(name: string, html: string): void {
  // While a chapter is being written it is made anew each time.
  if (import.meta.env.PROD) kept.set(name, html)
}
