/** One tab at a time writes the reader's work of a lab; Web Locks say which. */

/**
 * Calls `onChange` with true when this tab has the claim on `name`, at once or when the tab that has it is gone; before, with false if
 * it has to wait. Where the browser has no locks, every tab has it. Returns what gives the claim back.
 */
export type Claim = (name: string, onChange: (isOurs: boolean) => void) => () => void

export function createClaim(locks: LockManager | undefined): Claim {
  return (name, onChange) => {
    if (locks === undefined) {
      onChange(true)
      return () => undefined
    }
    const waiting = new AbortController()
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const hold = (): Promise<void> => {
      onChange(true)
      return held
    }
    const wait = async (): Promise<void> => {
      const isTaken = await locks.request(name, { ifAvailable: true }, async (lock) => {
        if (lock !== null) await hold()
        return lock === null
      })
      if (!isTaken) return
      onChange(false)
      await locks.request(name, { signal: waiting.signal }, hold)
    }
    // Rejects when the claim is given back while it is waited for.
    wait().catch(() => undefined)
    return () => {
      waiting.abort()
      release()
    }
  }
}
