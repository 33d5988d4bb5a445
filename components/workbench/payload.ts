/** The lab that the page embeds as JSON. */
import type { LabPayload } from './protocol.ts'

export type PayloadResult =
  { readonly ok: true; readonly payload: LabPayload } | { readonly ok: false; readonly message: string }

/** Reads { slug, files: { path: text } }. */
export function parsePayload(json: string): PayloadResult {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) }
  }
  if (typeof value !== 'object' || value === null) return { ok: false, message: 'it is not an object' }
  const { slug, files } = value as Record<string, unknown>
  if (typeof slug !== 'string') return { ok: false, message: 'it names no slug' }
  if (typeof files !== 'object' || files === null || Array.isArray(files))
    return { ok: false, message: 'it holds no files' }
  const wrong = Object.entries(files).find(([, text]) => typeof text !== 'string')
  if (wrong !== undefined) return { ok: false, message: `${wrong[0]} is not a text` }
  return { ok: true, payload: { slug, files: files as Record<string, string> } }
}
