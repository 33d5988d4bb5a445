import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildName } from './build-name.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'world-switch-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function commit(): void {
  writeFileSync(join(folder, 'a'), 'a')
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.org', '-c', 'commit.gpgsign=false']
  for (const args of [
    ['init', '-q'],
    ['add', 'a'],
    [...identity, 'commit', '-qm', 'a'],
  ])
    spawnSync('git', args, { cwd: folder })
}

test('a build of a checkout is called by its revision, and says when files differ from it', () => {
  commit()
  expect(buildName(folder, '1.2.3')).toMatch(/^1\.2\.3, revision [0-9a-f]{12}$/)
  writeFileSync(join(folder, 'a'), 'b')
  expect(buildName(folder, '1.2.3')).toMatch(/^1\.2\.3, revision [0-9a-f]{12} with changes$/)
})

test('a build of files without git says so, inside another checkout, too', () => {
  expect(buildName(folder, '1.2.3')).toBe('1.2.3, not made from a git checkout')
  commit()
  mkdirSync(join(folder, 'copy'))
  expect(buildName(join(folder, 'copy'), '1.2.3')).toBe('1.2.3, not made from a git checkout')
})
