/** Monaco's colours from the page's design tokens, in the theme in use. */
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

/** The value of a colour token as "#rrggbb". Tokens are functions of the theme, so an element has to compute them. */
function resolveColour(token: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${token})`
  probe.hidden = true
  document.body.append(probe)
  const channels = getComputedStyle(probe).color.match(/[\d.]+/g) ?? []
  probe.remove()
  return `#${channels
    .slice(0, 3)
    .map((channel) => Math.round(Number(channel)).toString(16).padStart(2, '0'))
    .join('')}`
}

function applyTheme(): void {
  const isDark = document.documentElement.dataset['theme'] === 'dark'
  monaco.editor.defineTheme(THEME, {
    base: isDark ? 'vs-dark' : 'vs',
    inherit: true,
    rules: Object.entries(TOKEN_COLOURS).map(([token, colour]) => ({
      token,
      foreground: resolveColour(colour).slice(1),
    })),
    colors: Object.fromEntries(Object.entries(COLOURS).map(([part, token]) => [part, resolveColour(token)])),
  })
  monaco.editor.setTheme(THEME)
}

let isFollowing = false

/** Applies the page's theme, now and whenever it changes. All editors of a page share it. */
export function followTheme(): void {
  applyTheme()
  if (isFollowing) return
  isFollowing = true
  new MutationObserver(applyTheme).observe(document.documentElement, { attributeFilter: ['data-theme'] })
}
