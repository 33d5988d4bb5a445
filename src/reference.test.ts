import { expect, test } from 'vitest'
import { EXIT_CODES, labsNaming, labsUsing, labsWithExit, labsWithMsr } from './reference.ts'

const slugs = (labs: readonly { lab: { slug: string } }[]) => labs.map(({ lab }) => lab.slug)

test('an exit links the labs whose goals ask for it', () => {
  const npf = EXIT_CODES.find(({ key }) => key === 'npf')!
  const vmmcall = EXIT_CODES.find(({ key }) => key === 'vmmcall')!
  expect(slugs(labsWithExit(vmmcall))).toContain('smallest-vmcb')
  expect(slugs(labsWithExit(vmmcall)).length).toBeGreaterThan(labsWithExit(npf).length)
})

test('a field links the labs whose texts set it', () => {
  expect(slugs(labsNaming('save.g_pat'))).toContain('g-pat-types')
})

test('an instruction links the labs whose programs use it, an MSR those that access it', () => {
  expect(slugs(labsUsing('vmrun'))).toContain('smallest-vmcb')
  expect(labsUsing('skinit')).toEqual([])
  expect(slugs(labsWithMsr(0x277))).toContain('g-pat-without-np')
  expect(labsWithMsr(0x10)).toEqual([])
})
