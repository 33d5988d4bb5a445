/** L0, its decisions and the explorer of races: the hypervisor's entry point, handed in, because few labs need it and it is large. */
import type * as hypervisor from '../hypervisor/index.ts'

export type Hypervisor = typeof hypervisor
