/** What the emulator costs a reader to load: bundled, minified, compressed as a web server would. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { brotliBytes } from '../scripts/brotli.ts'

/** Entry points by what they are. */
const ENTRIES = {
  machine: '../emulator/machine/index.ts',
  assembler: '../emulator/isa/index.ts',
} as const

async function compressedBytes(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    logLevel: 'error',
  })
  return brotliBytes(outputFiles[0].contents)
}

/** Bytes after brotli of each entry by itself and of both in one bundle. */
export async function measureBundles(): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const [name, path] of Object.entries(ENTRIES))
    sizes[name] = await compressedBytes(`export * from '${path}'`)
  const together = Object.values(ENTRIES).map((path, i) => `export * as part${i} from '${path}'`)
  sizes.together = await compressedBytes(together.join('\n'))
  return sizes
}
