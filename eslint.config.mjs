// Lint rules: the recommended sets with type information, and the borders of the architecture.
import astro from 'eslint-plugin-astro'
import tseslint from 'typescript-eslint'
import { boundaries } from './scripts/eslint/boundaries.mjs'

/** Reading one of these would make two runs of the same machine differ, or tie it to a page. */
const NOT_IN_THE_EMULATOR = [
  'Date',
  'performance',
  'crypto',
  'window',
  'document',
  'navigator',
  'localStorage',
]

/** Words in the markup; what has no letters is punctuation, and the same in every language. */
const LETTERS = '/\\p{L}/u'
const SPOKEN = '/^(title|aria-label|placeholder|alt|label)$/'

export default tseslint.config(
  { ignores: ['dist/', '.astro/', 'node_modules/', 'test-results/', 'playwright-report/'] },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Numbers and BigInts print as they are; template strings of them are the point of many messages.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Typed arrays and tables are indexed by values whose range is known.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // An index may miss although its type does not say so; the rule would have such tests removed.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  { files: ['**/*.mjs'], extends: [tseslint.configs.recommended] },
  { extends: [astro.configs.recommended, astro.configs['jsx-a11y-strict'] ?? []] },
  {
    files: ['emulator/**/*.ts', 'fuzz/**/*.ts', 'components/**/*.{ts,tsx}', 'src/**/*.{ts,astro}'],
    plugins: { book: { rules: { boundaries } } },
    rules: { 'book/boundaries': 'error' },
  },
  {
    files: ['components/**/*.tsx'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...[
          `JSXText[value=${LETTERS}]`,
          `:matches(JSXElement, JSXFragment) > JSXExpressionContainer > Literal[value=${LETTERS}]`,
          `JSXAttribute[name.name=${SPOKEN}] > Literal[value=${LETTERS}]`,
          `JSXAttribute[name.name=${SPOKEN}] > JSXExpressionContainer > Literal[value=${LETTERS}]`,
          `JSXAttribute[name.name=${SPOKEN}] > JSXExpressionContainer > TemplateLiteral > TemplateElement[value.raw=${LETTERS}]`,
        ].map((selector) => ({
          selector,
          message: 'What the interface says stands in components/strings.ts.',
        })),
      ],
    },
  },
  {
    files: ['emulator/**/*.ts'],
    rules: {
      // A guest's fault is a plain object: no stack trace is worth taking at every page fault.
      '@typescript-eslint/only-throw-error': 'off',
    },
  },
  {
    files: ['emulator/**/*.ts'],
    ignores: ['emulator/cli/**', '**/*.test.ts'],
    rules: {
      'no-restricted-globals': ['error', ...NOT_IN_THE_EMULATOR],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'The same inputs give the same run.' },
        ...NOT_IN_THE_EMULATOR.map((property) => ({ object: 'globalThis', property })),
      ],
    },
  },
  {
    files: ['emulator/cli/**', 'bench/**', 'fuzz/run.ts', 'scripts/**', '**/*.config.*'],
    rules: { 'no-console': 'off' },
  },
)
