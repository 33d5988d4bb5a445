/** The lab that the page embeds as JSON. It was read and checked when the book was built: the page needs no reader of lab.yaml. */
import * as text from '../strings.ts'
import type { LabPayload } from './protocol.ts'

export type PayloadResult =
  { readonly ok: true; readonly payload: LabPayload } | { readonly ok: false; readonly message: string }

/** JSON has no BigInts: each stands as an object with its digits. */
const BIGINT = '$bigint'

export function encodePayload(payload: LabPayload): string {
  return JSON.stringify(payload, (_, value: unknown) =>
    typeof value === 'bigint' ? { [BIGINT]: value.toString() } : value,
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function revive(_: string, value: unknown): unknown {
  return isRecord(value) && typeof value[BIGINT] === 'string' ? BigInt(value[BIGINT]) : value
}

/** Reads what encodePayload() gave; a page that was damaged on its way is refused with a reason. */
export function parsePayload(json: string): PayloadResult {
  let value: unknown
  try {
    value = JSON.parse(json, revive)
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) }
  }
  if (!isRecord(value)) return { ok: false, message: text.notAnObject }
  const { slug, key, lab, start, solution } = value
  if (typeof slug !== 'string' || typeof key !== 'string') return { ok: false, message: text.namesNoLab }
  if (!isRecord(lab)) return { ok: false, message: text.holdsNoLab }
  if (!isRecord(start) || !isRecord(solution)) return { ok: false, message: text.holdsNoTexts }
  const wrong = Object.entries({ ...start, ...solution }).find(([, content]) => typeof content !== 'string')
  if (wrong !== undefined) return { ok: false, message: text.isNotAText(wrong[0]) }
  return { ok: true, payload: value as unknown as LabPayload }
}
