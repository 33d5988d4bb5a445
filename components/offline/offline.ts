/** Reading offline: registers the service worker that the build writes (scripts/build/service-worker.ts), and takes new versions. */
import { href } from '../paths.ts'
import { saveWork } from '../reader/leaving.ts'

const registered = register()

/** Undefined in `npm run dev`, and where the browser has no service workers or refuses this one. */
async function register(): Promise<ServiceWorkerRegistration | undefined> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return undefined
  // Fetching the book waits for what the reader came for.
  if (document.readyState !== 'complete')
    await new Promise((resolve) => window.addEventListener('load', resolve, { once: true }))
  const options: RegistrationOptions = { scope: href('/'), updateViaCache: 'none' }
  return navigator.serviceWorker.register(href('/service-worker.js'), options).catch(() => undefined)
}

/** Whether all of the book lies in the browser: at once, or when it has been fetched. */
export async function isKept(): Promise<boolean> {
  const registration = await registered
  if (registration === undefined) return false
  const worker = registration.active ?? registration.waiting ?? registration.installing
  if (worker === null) return false
  if (worker.state === 'activated') return true
  return new Promise((resolve) =>
    worker.addEventListener('statechange', () => {
      if (worker.state === 'activated') resolve(true)
      else if (worker.state === 'redundant') resolve(false)
    }),
  )
}

/** Where a new version of the book is: it lies in the browser and can be taken, or another tab has taken it. */
export type NewVersion = 'ready' | 'taken elsewhere'

let isTaking = false

/** Calls `tell` when there is a new version. */
export async function onNewVersion(tell: (version: NewVersion) => void): Promise<void> {
  const registration = await registered
  if (registration === undefined) return
  const watch = (): void => {
    const worker = registration.installing
    worker?.addEventListener('statechange', () => {
      // The first of all workers does not wait for anybody.
      if (worker.state === 'installed' && registration.active !== null) tell('ready')
    })
  }
  if (registration.waiting !== null && registration.active !== null) tell('ready')
  watch()
  registration.addEventListener('updatefound', watch)
  // A page that had no worker gets its first one.
  if (navigator.serviceWorker.controller !== null)
    navigator.serviceWorker.addEventListener('controllerchange', () => {
      if (!isTaking) tell('taken elsewhere')
    })
}

/** Saves the reader's work and loads the page again, in the version that waits. */
export async function takeNewVersion(): Promise<void> {
  isTaking = true
  await saveWork()
  // None if another tab has taken it.
  const waiting = (await registered)?.waiting ?? undefined
  if (waiting !== undefined) {
    const taken = new Promise((resolve) =>
      navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
    )
    waiting.postMessage({ type: 'SKIP_WAITING' })
    await taken
  }
  location.reload()
}
