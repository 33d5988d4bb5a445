/**
 * The state of a lab that a reader can hand on, in a link or as a file: texts, stops, position, panel. What comes back is untrusted: it
 * is judged here, and only ever becomes text in an editor, stops that the worker judges, and a position that is not far.
 *
 *   link   #lab-SLUG=1.DATA     1: the format; DATA: the JSON of the state, deflated, in base64url
 *   file   the JSON, with the kind and the format
 */
import { isRecord, parseTexts, type Texts } from '../reader/records.ts'
import { href, labPath } from '../paths.ts'
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

const LONGEST_LINK = 200_000
/** Bytes in a link, when it is unpacked; characters in a file. */
const LARGEST_STATE = 4_000_000
const MOST_STOPS = 200
const MOST_PANELS = 50
const LONGEST_NAME = 200

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
  if (match === null) return refuse(text.linkDamaged)
  if (match[1] !== String(FORMAT)) return refuse(text.otherFormat(match[1], FORMAT))
  try {
    const json = await through(fromBase64Url(match[2]), new DecompressionStream('deflate-raw'), LARGEST_STATE)
    return judge(slug, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json)))
  } catch (error) {
    // Of what is not whole the browser throws something else.
    return refuse(error instanceof RangeError ? text.stateTooLarge(LARGEST_STATE) : text.endIsMissing)
  }
}

/** The name is shown only where it can be one: a stranger may have written it. */
function aboutAnother(slug: string): string {
  return /^[a-z0-9-]{1,100}$/.test(slug)
    ? text.aboutAnotherLab(slug, labPath(slug))
    : text.aboutUnknownLab(href('/labs/'))
}

function judge(slug: string, value: unknown): SharedResult {
  const shared = parseShared(value)
  if (shared === undefined) return refuse(text.notStateOfLab)
  if (shared.slug !== slug) return refuse(aboutAnother(shared.slug))
  return { ok: true, shared }
}

/** The text of a file. */
export function writeFile(shared: SharedLab): string {
  return `${JSON.stringify({ kind: KIND, format: FORMAT, ...shared }, null, 2)}\n`
}

/** Reads a file as writeFile() gives its text; what is too large is not read. */
export async function openFile(slug: string, file: Blob): Promise<SharedResult> {
  // No character has more than four bytes.
  return file.size > LARGEST_STATE * 4
    ? refuse(text.stateTooLarge(LARGEST_STATE))
    : readFile(slug, await file.text())
}

/** Reads what writeFile() wrote, or anything else that somebody takes for it. */
export function readFile(slug: string, content: string): SharedResult {
  if (content.length > LARGEST_STATE) return refuse(text.stateTooLarge(LARGEST_STATE))
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return refuse(text.notJson)
  }
  if (!isRecord(value) || value['kind'] !== KIND) return refuse(text.notALab)
  if (value['format'] !== FORMAT) return refuse(text.otherFormat(value['format'], FORMAT))
  return judge(slug, value)
}
