/** The devices of a machine with caches: the picture in the framebuffer, and the transfers over the bus. */
import { useEffect, useRef, useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import { dump } from '../vmcb/image.ts'
import { count, hex } from '../format.ts'
import type { Devices } from '../state-protocol.ts'
import type { PanelProps } from './registry.tsx'

export function DevicesPanel({ store, view }: PanelProps) {
  const [devices, setDevices] = useState<Devices>()
  const isIdle = store.activity.value === 'idle'
  useEffect(() => {
    let isCurrent = true
    void store
      .ask((client) => client.devices())
      .then((answer) => {
        if (isCurrent && answer !== undefined) setDevices(answer)
      })
    return () => (isCurrent = false)
  }, [store, view, isIdle])
  if (devices === undefined) return null
  const { picture, bus } = devices
  return (
    <>
      {picture !== undefined && <Picture picture={picture} />}
      {bus !== undefined && <Bus bus={bus} />}
    </>
  )
}

function Picture({ picture }: { readonly picture: NonNullable<Devices['picture']> }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const { width, height, pixels } = picture
  const lit = pixels.reduce((sum, pixel) => sum + ((pixel & 0xff_ffff) === 0 ? 0 : 1), 0)
  useEffect(() => {
    const context = canvas.current?.getContext('2d')
    if (context === null || context === undefined) return
    const image = context.createImageData(width, height)
    // A pixel is 00RRGGBBh.
    pixels.forEach((pixel, n) =>
      image.data.set([(pixel >> 16) & 0xff, (pixel >> 8) & 0xff, pixel & 0xff, 0xff], n * 4),
    )
    context.putImageData(image, 0, 0)
  }, [pixels])
  return (
    <figure class="wb-picture">
      <canvas
        ref={canvas}
        width={width}
        height={height}
        role="img"
        aria-label={text.pictureSummary(lit, width * height)}
      />
      <figcaption class="wb-soft">{text.framebufferFacts(width, height, lit)}</figcaption>
    </figure>
  )
}

function Bus({ bus: { entries, total } }: { readonly bus: NonNullable<Devices['bus']> }) {
  if (total === 0) return <p class="wb-soft">{text.nothingCrossedBus}</p>
  return (
    <table class="wb-vmcb">
      <caption>
        {total > entries.length ? text.lastTransfers(entries.length, total) : text.transfers(total)}
      </caption>
      <thead>
        <tr>
          <th scope="col">{text.transferAfter}</th>
          <th scope="col">{text.transferBy}</th>
          <th scope="col">{text.transferWhat}</th>
          <th scope="col">{text.address}</th>
          <th scope="col">{text.bytes}</th>
        </tr>
      </thead>
      <tbody>
        {entries.toReversed().map(({ at, agent, what, address, data }, n) => (
          <tr key={n}>
            <td class="wb-num">{count(at)}</td>
            <td>{agent}</td>
            <td>{what}</td>
            <td class="wb-num">{hex(address)}</td>
            <td class="wb-num">
              {data.length}: {dump(data.subarray(0, 16))}
              {data.length > 16 && ' …'}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
