/** What a build of the book is called, for error reports and the page About: its version, and the revision that it was made from. */
import { spawnSync } from 'node:child_process'

/** Runs git in `folder`; undefined where there is no git, or no checkout. */
function git(folder: string, ...args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: folder, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** "0.1.0, revision 1a2b3c4d5e6f", with what keeps that from being the whole truth. */
export function buildName(folder: string, version: string): string {
  // A folder inside somebody else's checkout is none of ours.
  const isCheckout = git(folder, 'rev-parse', '--show-prefix') === ''
  const revision = isCheckout ? git(folder, 'rev-parse', '--short=12', 'HEAD') : undefined
  if (revision === undefined) return `${version}, not made from a git checkout`
  const isChanged = git(folder, 'status', '--porcelain', '--untracked-files=no') !== ''
  return `${version}, revision ${revision}${isChanged ? ' with changes' : ''}`
}
