/**
 * The state of a lab that a reader can hand on, in a link or as a file: texts, stops, position, panel. What comes back is untrusted: it
 * is judged here, and only ever becomes text in an editor, stops that the worker judges, and a position that is not far.
 *
 *   link   #lab-SLUG=1.DATA     1: the format; DATA: the JSON of the state, deflated, in base64url
 *   file   the JSON, with the kind and the format
 */
import { isRecord, parseTexts, type Texts } from '../reader/records.ts'
import * as text from '../strings.ts'
import { through } from './streams.ts'
import { fragmentOf } from './fragment.ts'

export interface SharedLab {
  readonly slug: string
  /** labKey() of the lab: tells versions of it apart. */
  readonly key: string
  /** A link has only those that differ from the lab's start. */
  readonly texts: Texts
  /** As ReaderStops.saved() gives them. */
  readonly stops: readonly unknown[]
  /** Instructions from the start. */
  readonly position?: number | undefined
  /** The text in front. */
  readonly file?: string | undefined
  /** The panel in front, and those that are open besides the lab's. */
  readonly panel?: string | undefined
  readonly panels?: readonly string[] | undefined
}

export type SharedResult =
  { readonly ok: true; readonly shared: SharedLab } | { readonly ok: false; readonly message: string }

const FORMAT = 1
const KIND = 'world-switch-lab'

/** Links longer than this may be cut by what they are sent through. Characters. */
export const LONG_LINK = 2000
const LONGEST_LINK = 200_000
const LARGEST_STATE = 4_000_000
const MOST_STOPS = 200
const MOST_PANELS = 50
const LONGEST_NAME = 200

/** Beyond this a page does not run by itself when it is opened. Instructions. */
export const FARTHEST_POSITION = 5_000_000

function refuse(message: string): SharedResult {
  return { ok: false, message }
}

/** The state of JSON data, if it is one. */
function parseShared(value: unknown): SharedLab | undefined {
  if (!isRecord(value)) return undefined
  const { slug, key, stops, position, file, panel, panels } = value
  const texts = parseTexts(value['texts'])
  const isName = (name: unknown): name is string => typeof name === 'string' && name.length <= LONGEST_NAME
  if (!isName(slug) || !isName(key) || texts === undefined) return undefined
  return {
    ...{ slug, key, texts },
    stops: Array.isArray(stops) ? stops.slice(0, MOST_STOPS) : [],
    position: Number.isSafeInteger(position) && (position as number) > 0 ? (position as number) : undefined,
    file: isName(file) ? file : undefined,
    panel: isName(panel) ? panel : undefined,
    panels: Array.isArray(panels) ? panels.filter(isName).slice(0, MOST_PANELS) : undefined,
  }
}

function toBase64Url(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Throws for what is no base64url. */
function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
}

/** The fragment of a link, "#" included. */
export async function writeLink(shared: SharedLab): Promise<string> {
  const json = new TextEncoder().encode(JSON.stringify(shared))
  const packed = await through(json, new CompressionStream('deflate-raw'), LARGEST_STATE)
  return `${fragmentOf(shared.slug)}${FORMAT}.${toBase64Url(packed)}`
}

/** What a fragment says of a lab; undefined if it is about something else. Never rejects. */
export async function readLink(slug: string, fragment: string): Promise<SharedResult | undefined> {
  const begin = fragmentOf(slug)
  if (!fragment.startsWith(begin)) return undefined
  const content = fragment.slice(begin.length)
  const match = /^(\d+)\.([\w-]*)$/.exec(content)
  if (content.length > LONGEST_LINK) return refuse(text.linkTooLong)
  if (match === null) return refuse(text.isDamaged)
  if (match[1] !== String(FORMAT)) return refuse(text.otherFormat(match[1], FORMAT))
  try {
    const json = await through(fromBase64Url(match[2]), new DecompressionStream('deflate-raw'), LARGEST_STATE)
    return judge(slug, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)))
  } catch {
    return refuse(text.endIsMissing)
  }
}

function judge(slug: string, value: unknown): SharedResult {
  const shared = parseShared(value)
  if (shared === undefined) return refuse(text.notStateOfLab)
  if (shared.slug !== slug) return refuse(text.aboutAnotherLab(shared.slug))
  return { ok: true, shared }
}

/** The text of a file. */
export function writeFile(shared: SharedLab): string {
  return `${JSON.stringify({ kind: KIND, format: FORMAT, ...shared }, null, 2)}\n`
}

/** Reads what writeFile() wrote, or anything else that somebody takes for it. */
export function readFile(slug: string, content: string): SharedResult {
  if (content.length > LARGEST_STATE) return refuse(text.isTooLarge)
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return refuse(text.notJson)
  }
  if (!isRecord(value) || value['kind'] !== KIND) return refuse(text.notALab)
  if (value['format'] !== FORMAT) return refuse(text.otherFormat(String(value['format']), FORMAT))
  return judge(slug, value)
}
