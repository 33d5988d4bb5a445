/** What a reader chose and finds again at the next visit. Reading and writing never fail: where storage is refused, choices are lost. */

export interface Settings {
  /** What was written under a name; undefined if nothing was, or nothing that can be read. It is untrusted. */
  read(name: string): unknown
  write(name: string, value: unknown): void
}

/** What the names of settings begin with in localStorage. */
export const SETTING = 'workbench:'

/** Longer values are not believed to be a reader's. Characters. */
const LONGEST = 50_000

/** The settings of this browser. */
export const browserSettings: Settings = {
  read(name) {
    try {
      const text = localStorage.getItem(SETTING + name)
      return text === null || text.length > LONGEST ? undefined : (JSON.parse(text) as unknown)
    } catch {
      return undefined
    }
  },
  write(name, value) {
    try {
      localStorage.setItem(SETTING + name, JSON.stringify(value))
    } catch {
      // Storage is full or refused.
    }
  },
}

/** Settings that last as long as this object. */
export function memorySettings(): Settings {
  const values = new Map<string, string>()
  return {
    read: (name) => JSON.parse(values.get(name) ?? 'null') as unknown,
    write: (name, value) => void values.set(name, JSON.stringify(value)),
  }
}
