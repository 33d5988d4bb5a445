/** The few icons of the workbench, drawn in the text's colour. Labels stand beside them. */
const PATHS = {
  run: 'M4 2.5v11l9-5.5z',
  stop: 'M3.5 3.5h9v9h-9z',
  step: 'M3 2.5v11l7-5.5zM11.5 3h2v10h-2z',
  'step-back': 'M13 2.5v11L6 8zM2.5 3h2v10h-2z',
  'step-over': 'M2 9a6 6 0 0 1 10.6-3.8L14.5 3.6V9H9.1l2.2-2.3A4.2 4.2 0 0 0 3.8 9zM6 11h4v2.6H6z',
  reset: 'M8 3a5 5 0 1 1-4.9 6h1.6A3.5 3.5 0 1 0 8 4.5V7L3.8 3.8 8 .6z',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d={PATHS[name]} fill="currentColor" />
    </svg>
  )
}
