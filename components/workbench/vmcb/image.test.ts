import { expect, test } from 'vitest'
import { parseVmcbText } from '../../../emulator/lab/index.ts'
import { differentFields, shownFields } from './image.ts'

const NONE: ReadonlySet<string> = new Set()
const { image } = parseVmcbText('', 'control.asid = 1\nsave.g_pat = 0x0606', new Map())
const { image: other } = parseVmcbText('', 'control.asid = 1\nsave.cr3 = 0x1000', new Map())

test('fields that differ are found whatever else is in the images', () => {
  expect(differentFields(image, other).map(({ key }) => key)).toEqual(['save.cr3', 'save.g_pat'])
})

test('the filters show what is set, what differs, or everything', () => {
  const shown = (filter: 'nonzero' | 'changed' | 'all') =>
    shownFields(image, other, { filter, query: '', always: NONE }).map(({ key }) => key)
  expect(shown('nonzero')).toEqual(['control.asid', 'save.cr3', 'save.g_pat'])
  expect(shown('changed')).toEqual(['save.cr3', 'save.g_pat'])
  expect(shown('all').length).toBeGreaterThan(100)
})

test('a query looks through all fields, by name, offset or bit', () => {
  const found = (query: string) =>
    shownFields(image, other, { filter: 'changed', query, always: NONE }).map(({ key }) => key)
  expect(found('N_CR3')).toEqual(['control.n_cr3'])
  expect(found('668h')).toEqual(['save.g_pat'])
  expect(found('svme')).toEqual(['save.efer'])
})

test('fields of failed checks are shown even if they are zero', () => {
  const shown = shownFields(image, other, { filter: 'nonzero', query: '', always: new Set(['save.efer']) })
  expect(shown.map(({ key }) => key)).toContain('save.efer')
})
