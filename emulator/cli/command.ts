/** What a command of `world-switch` is, and how its arguments are read. */
import { readFileSync } from 'node:fs'
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { hex } from '../svm/index.ts'

export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** The whole help text, beginning with "Usage:". */
  readonly help: string
  /** Returns the exit status. May throw UsageError and InputError. */
  run(args: string[]): number | Promise<number>
}

/** Exit statuses that all commands share. They are even: a guest that ends its run gives an odd one. */
export const STATUS = { ok: 0, usage: 2, input: 4 } as const

/** The arguments make no sense; the message names the one at fault. */
export class UsageError extends Error {}

/** A file cannot be read or used; the message names it. */
export class InputError extends Error {}

/** node:util's parseArgs, with its complaints as UsageError. */
export function parseArguments<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** The whole number that `text` stands for; `name` is the argument that it came with. */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`${name} takes a whole number from ${least} to ${most}, not "${text}"`)
}

/** One of a few words. */
export function oneOf<T extends string>(name: string, text: string, words: readonly T[]): T {
  const word = words.find((candidate) => candidate === text)
  if (word === undefined) throw new UsageError(`${name} takes ${words.join(' or ')}, not "${text}"`)
  return word
}

/** JSON with 64-bit values as the manual writes them: strings of hexadecimal digits with an h. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? hex(part) : part), 2)
}

export function readInput(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : `cannot read ${path}`)
  }
}
