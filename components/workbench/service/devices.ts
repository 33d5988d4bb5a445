/** What the devices of a machine with caches show: the framebuffer's picture, and what crossed the bus. */
import { FRAMEBUFFER } from '../../../emulator/machine/index.ts'
import * as text from '../../strings.ts'
import type { Devices } from '../state-protocol.ts'
import type { Bench } from './bench.ts'

const SHOWN = 200

export function devicesOf({ session: { machine } }: Bench): Devices {
  const { framebuffer, transactions } = machine
  const { width, height } = FRAMEBUFFER
  return {
    picture: framebuffer && { width, height, pixels: framebuffer.slice() },
    bus: transactions && {
      total: transactions.total,
      entries: transactions
        .since(transactions.total - SHOWN)
        .map(({ instructions: at, agent, kind, cause, address, data }) => ({
          at,
          agent: typeof agent === 'number' ? text.processorNumber(agent) : text.busMaster,
          what: cause === 'access' ? kind : `${kind}, ${cause}`,
          address,
          data: data.slice(),
        })),
    },
  }
}
