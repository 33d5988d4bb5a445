/** Monaco's colours from the page's design tokens, in the theme in use; where the reader's system forces its colours, from those. */
import { monaco } from './monaco.ts'
import { TOKEN_COLOURS } from './tokens.ts'

const THEME = 'book'

/** Parts of Monaco and the design token that colours each. */
const COLOURS: Readonly<Record<string, string>> = {
  'editor.background': '--code-background',
  'editor.foreground': '--ink',
  'editorCursor.foreground': '--ink',
  'editorLineNumber.foreground': '--ink-soft',
  'editorLineNumber.activeForeground': '--ink',
  'editorGutter.background': '--code-background',
  'editor.lineHighlightBackground': '--surface',
  'editor.lineHighlightBorder': '--surface',
  'editor.selectionBackground': '--host-wash',
  'editor.inactiveSelectionBackground': '--host-wash',
  'editorWidget.background': '--raised',
  'editorWidget.foreground': '--ink',
  'editorWidget.border': '--line-strong',
  'editorHoverWidget.background': '--raised',
  'editorHoverWidget.foreground': '--ink',
  'editorHoverWidget.border': '--line-strong',
  'editorSuggestWidget.background': '--raised',
  'editorSuggestWidget.foreground': '--ink',
  'editorSuggestWidget.border': '--line-strong',
  'editorSuggestWidget.selectedBackground': '--host-wash',
  'editorSuggestWidget.selectedForeground': '--ink',
  'editorSuggestWidget.highlightForeground': '--host',
  'editorSuggestWidget.focusHighlightForeground': '--host',
  'editorError.foreground': '--bad',
  'editorWarning.foreground': '--warn',
  'editorBracketMatch.background': '--host-wash',
  'editorBracketMatch.border': '--line-strong',
  'scrollbarSlider.background': '--line',
  'scrollbarSlider.hoverBackground': '--line-strong',
  'scrollbarSlider.activeBackground': '--line-strong',
  focusBorder: '--focus',
  'input.background': '--paper',
  'input.foreground': '--ink',
  'input.border': '--line-strong',
  'textCodeBlock.background': '--surface',
  'textLink.foreground': '--host',
}

const forcedColours = matchMedia('(forced-colors: active)')

/** A colour of CSS as "#rrggbb". Tokens are functions of the theme, so an element has to compute them. */
function resolveColour(colour: string): string {
  const probe = document.createElement('i')
  probe.style.color = colour
  probe.hidden = true
  document.body.append(probe)
  const channels = getComputedStyle(probe).color.match(/[\d.]+/g) ?? []
  probe.remove()
  return `#${channels
    .slice(0, 3)
    .map((channel) => Math.round(Number(channel)).toString(16).padStart(2, '0'))
    .join('')}`
}

function bookTheme(): monaco.editor.IStandaloneThemeData {
  const isDark = document.documentElement.dataset['theme'] === 'dark'
  const resolve = (token: string): string => resolveColour(`var(${token})`)
  return {
    base: isDark ? 'vs-dark' : 'vs',
    inherit: true,
    rules: Object.entries(TOKEN_COLOURS).map(([token, colour]) => ({
      token,
      foreground: resolve(colour).slice(1),
    })),
    colors: Object.fromEntries(Object.entries(COLOURS).map(([part, token]) => [part, resolve(token)])),
  }
}

/** Every token of the book would be the one forced colour of text: Monaco's own theme for high contrast, on the system's background. */
function forcedTheme(): monaco.editor.IStandaloneThemeData {
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches
  const [background, foreground] = ['Canvas', 'CanvasText'].map(resolveColour)
  return {
    base: isDark ? 'hc-black' : 'hc-light',
    inherit: true,
    rules: [],
    colors: { 'editor.background': background, 'editor.foreground': foreground },
  }
}

function applyTheme(): void {
  monaco.editor.defineTheme(THEME, forcedColours.matches ? forcedTheme() : bookTheme())
  monaco.editor.setTheme(THEME)
}

let isFollowing = false

/** Applies the page's theme, now and whenever it changes. All editors of a page share it. */
export function followTheme(): void {
  applyTheme()
  if (isFollowing) return
  isFollowing = true
  new MutationObserver(applyTheme).observe(document.documentElement, { attributeFilter: ['data-theme'] })
  forcedColours.addEventListener('change', applyTheme)
}
