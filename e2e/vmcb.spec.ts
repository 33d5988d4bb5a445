// A reader edits a VMCB field by field instead of as text, changes the paused machine's copy, and reads one from KVM's log.
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from './fixtures.ts'
import { LabPage } from './pages/lab.ts'
import { VmcbForm } from './pages/vmcb-form.ts'

const LOG = `[ 812.1] kvm_amd: VMCB Control Area:
[ 812.1] kvm_amd: asid:               0
[ 812.1] kvm_amd: nested_ctl:         1
[ 812.1] kvm_amd: bus_lock_limit:     7
[ 812.1] kvm_amd: VMCB State Save Area:
[ 812.1] kvm_amd: gpat:           0007040600070402 dbgctl:       0000000000000000
`

test('a bit that is checked in the form appears in its line of the text, and the comments stay', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const form = new VmcbForm(lab)
  await form.show()
  await expect(form.verdict).toHaveAttribute('data-failed', '3')
  await form.open('save.efer')
  await form.bit('svme').check()
  await expect(form.verdict).toHaveAttribute('data-failed', '2')
  await lab.openFile('guest.vmcb')
  await expect.poll(() => lab.shownText()).toMatch(/save\.efer = lme, lma, svme/)
  expect(await lab.shownText()).toContain('; G, L, P, S, readable code')
})

test('the three things that are missing, set in the form alone, let the guest run @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const form = new VmcbForm(lab)
  await form.show()
  await form.type('control.asid', '1')
  await form.open('save.efer')
  await form.bit('svme').check()
  await form.open('control.intercept_vector_4')
  await form.bit('vmrun').check()
  await expect(form.verdict).toHaveAttribute('data-failed', '0')
  await lab.press('Run')
  await expect(lab.exits).toHaveAttribute('data-exit', 'VMMCALL')
})

test('what is typed into the text appears in the form @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const form = new VmcbForm(lab)
  await form.show()
  await lab.write('guest.vmcb', 'control.asid = 77\n')
  await expect(form.input('control.asid')).toHaveValue('0000_004Dh')
  await lab.root.getByLabel('Numbers').selectOption('decimal')
  await expect(form.input('control.asid')).toHaveValue('77')
})

test('what is wrong with a value is said at its field, and the text stays @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const form = new VmcbForm(lab)
  await form.show()
  await form.type('control.asid', '0x100000000')
  await expect(form.field('control.asid').getByRole('alert')).toContainText('32 bits')
  await form.type('save.rip', 'nowhere')
  await expect(form.field('save.rip').getByRole('alert')).toContainText('no symbol "nowhere"')
  await form.type('save.rip', 'guest + 5')
  await expect(form.input('save.rip')).not.toHaveValue('guest + 5')
  await expect(form.field('save.rip').getByRole('alert')).toHaveCount(0)
})

test('what is half typed stays while the machine steps, and a part that is too large stays with the reason @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const form = new VmcbForm(lab)
  await form.show()
  await lab.press('Step')
  await form.choose('all')
  await form.input('control.asid').fill('7')
  await page.keyboard.press('F9')
  await expect(lab.exits).toHaveAttribute('data-exit', 'INVALID')
  await expect(form.input('control.asid')).toHaveValue('7')
  await page.keyboard.press('Escape')
  await expect(form.input('control.asid')).toHaveValue('0000_0000h')
  await form.open('control.virtual_interrupt')
  await form.bit('v_tpr').fill('0x10')
  await form.bit('v_tpr').press('Enter')
  await expect(form.field('control.virtual_interrupt').locator('+ tr').getByRole('alert')).toHaveText(
    'A number from 0 to Fh is needed',
  )
  await expect(form.bit('v_tpr')).toHaveValue('0x10')
})

test('while the machine is paused the form changes its memory: an ASID put in just before VMRUN @long', async ({
  page,
}) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const form = new VmcbForm(lab)
  await form.show()
  await lab.press('Step')
  await expect(form.notice).toHaveAttribute('data-source', 'memory')
  await expect(form.notice).toContainText('The machine is paused')
  await form.type('control.asid', '5')
  await expect(form.field('control.asid')).toContainText('text: 0000_0000h')
  await expect(form.verdict).toHaveAttribute('data-failed', '2')
  await lab.press('Step')
  await expect(lab.failedChecks).toHaveCount(2)
})

test('a lab that tells nothing before a guess says so in place of a verdict @long', async ({ page }) => {
  const lab = new LabPage(page, 'five-broken-vmcbs')
  await lab.open('vmexit-invalid')
  const form = new VmcbForm(lab)
  await form.show()
  await expect(form.verdict).toHaveCount(0)
  await expect(lab.root.locator('.wb-tab-panel')).toContainText(/is told|nothing tells/)
})

test("KVM's log of a VMCB is judged and compared; its values are taken over only when asked, and can be put back @long", async ({
  page,
}) => {
  const lab = new LabPage(page, 'g-pat-types')
  await lab.open('gpat')
  const form = new VmcbForm(lab)
  await form.show()
  await form.paste(LOG)
  await expect(form.report.locator('[data-failed-check]')).not.toHaveCount(0)
  await expect(form.report.locator('[data-failed-check="asid-zero"]')).toBeVisible()
  await expect(form.report.locator('[data-failed-check="g-pat-type"]')).toBeVisible()
  await expect(form.report).toContainText('"bus_lock_limit" is not known')
  await expect(form.report.locator('[data-log-field="save.g_pat"]')).toContainText('≠')
  const before = await form.input('save.g_pat').inputValue()
  await form.report.getByRole('button', { name: /^Use these values/ }).click()
  await expect(form.input('save.g_pat')).toHaveValue('0007_0406_0007_0402h')
  await form.report.getByRole('button', { name: 'Put my text back' }).click()
  await expect(form.input('save.g_pat')).toHaveValue(before)
})

test('a field leads to its page of the reference @long', async ({ page }) => {
  const lab = new LabPage(page, 'smallest-vmcb')
  await lab.open('vmrun')
  const form = new VmcbForm(lab)
  await form.show()
  await form.open('save.efer')
  await lab.root.getByRole('link', { name: 'Reference', exact: true }).click()
  await expect(page.getByRole('heading', { level: 1 })).toContainText('EFER')
})

test('the form has no accessibility problems in either theme @long', async ({ page }) => {
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme })
    const lab = new LabPage(page, 'smallest-vmcb')
    await lab.open('vmrun')
    const form = new VmcbForm(lab)
    await form.show()
    await form.open('save.efer')
    await form.paste(LOG)
    const { violations } = await new AxeBuilder({ page })
      .include('#lab-smallest-vmcb .wb-tab-panel')
      .analyze()
    expect(
      violations.map(({ id, nodes }) => `${theme} ${id}: ${nodes.map(({ html }) => html).join('\n')}`),
    ).toEqual([])
  }
})
