/** What this build of the book is called (scripts/build/build-name.ts); astro.config.mjs puts it in. */
export const BUILD: string = (import.meta.env['BUILD_NAME'] as string | undefined) ?? 'of no build'
