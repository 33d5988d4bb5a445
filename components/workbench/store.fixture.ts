/** Test set-up: an opened lab without a worker and without a browser, which is disposed of after the test. */
import { onTestFinished } from 'vitest'
import { createClaim } from '../reader/claim.ts'
import { memoryStore } from '../reader/store.ts'
import { localClient, PAYLOAD } from './lab.fixture.ts'
import { memorySettings } from './settings.ts'
import { LabStore, type LabStoreOptions } from './store.ts'

export async function openStore(options: Partial<LabStoreOptions> = {}): Promise<LabStore> {
  const store = new LabStore({
    payload: PAYLOAD,
    connect: () => localClient(),
    storage: () => Promise.resolve(memoryStore()),
    fresh: false,
    now: () => 1,
    settings: memorySettings(),
    claim: createClaim(undefined),
    ...options,
  })
  onTestFinished(() => store.dispose())
  await store.open()
  return store
}
