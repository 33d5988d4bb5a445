/** Names for those who go from landmark to landmark: a page may have several labs, so a part says which it belongs to. */
import type { LabStore } from './store.ts'

/** "Goals: The smallest VMCB that enters" */
export function landmark(store: LabStore, part: string): string {
  const title = store.opened.value?.lab.title ?? ''
  return title === '' ? part : `${part}: ${title}`
}
