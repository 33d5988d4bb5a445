import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type Rolldown } from 'vite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stringsByUser } from './strings-by-user.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'world-switch-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

test('each of two pages has the strings that it shows, and none of the other', async () => {
  const strings = join(folder, 'strings.ts')
  writeFileSync(strings, "export const left = () => 'left words'\nexport const right = () => 'right words'\n")
  for (const side of ['left', 'right'])
    writeFileSync(
      join(folder, `${side}.ts`),
      `import * as text from './strings.ts'\nconsole.log(text.${side}())\n`,
    )
  const { output } = (await build({
    root: folder,
    logLevel: 'silent',
    plugins: [stringsByUser(strings)],
    build: {
      write: false,
      rolldownOptions: { input: ['left.ts', 'right.ts'].map((file) => join(folder, file)) },
    },
  })) as Rolldown.RolldownOutput
  const code = new Map(output.flatMap((part) => (part.type === 'chunk' ? [[part.name, part.code]] : [])))
  expect([...code.keys()].sort()).toEqual(['left', 'right'])
  expect(code.get('left')).toContain('left words')
  expect(code.get('left')).not.toContain('right words')
  expect(code.get('right')).toContain('right words')
  expect(code.get('right')).not.toContain('left words')
})
