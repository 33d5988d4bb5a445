// A reader without a task: the playground.
import { readFileSync } from 'node:fs'
import { expect, test } from './fixtures.ts'
import { PlaygroundPage } from './pages/playground-page.ts'

const HELLO = Buffer.from(`        org 0x10000
start:  mov edx, 0x3f8
        mov al, 'K'
        out dx, al
        hlt
`)
const KERNEL = readFileSync(new URL('../bench/guests/elf/plain64.elf', import.meta.url))
/** "K" on each of a hundred lines. */
const LINES = Buffer.from(`        org 0x10000
start:  mov edx, 0x3f8
        mov ecx, 100
again:  mov al, 'K'
        out dx, al
        mov al, 10
        out dx, al
        loop again
        hlt
`)
/** The first processor starts the second one, and both wait. */
const TWO_THAT_PAUSE = Buffer.from(`        org 0x10000
start:  mov edi, 0xfee00000
        mov dword [rdi + 0x300], 0xc4500
        mov dword [rdi + 0x300], 0xc4611
again:  pause
        jmp again
        times 0x1000 - ($ - $$) db 0
bits 16
second: pause
        jmp second
`)
/** again: jmp again */
const ENDLESS = Buffer.from([0xeb, 0xfe])

test('a template runs, the machine can be another one, and what was there can be brought back', async ({
  page,
}) => {
  const playground = new PlaygroundPage(page)
  await playground.open()
  await playground.run()
  await expect(playground.exits).toHaveCount(6)
  await playground.choose('Program: two processors')
  await expect(playground.setup.getByRole('combobox', { name: 'Processors' })).toHaveValue('2')
  await playground.run()
  await playground.setup.getByRole('combobox', { name: 'Memory' }).selectOption('64 MiB')
  await expect(playground.message).toContainText('The machine is another one')
  await playground.button('Bring back what was here').click()
  await expect(playground.fileTab('guest.vmcb')).toBeVisible()
  await playground.run()
  await expect(playground.exits).toHaveCount(6)
})

test('files are added, renamed and removed, and are there again at the next visit @long', async ({
  page,
}) => {
  const playground = new PlaygroundPage(page)
  await playground.open()
  const { setup } = playground
  await setup.getByLabel('Name of a new file').fill('my.exe')
  await playground.button('Add a file').click()
  await expect(playground.message).toContainText('my.exe cannot be added: a name ends in .asm, .inc or .vmcb')
  await setup.getByLabel('Name of a new file').fill('mine.inc')
  await playground.button('Add a file').click()
  await expect(playground.fileTab('mine.inc')).toBeVisible()
  await setup.getByLabel('Name of mine.inc').fill('ours.inc')
  await setup.getByLabel('Name of mine.inc').press('Enter')
  await expect(playground.fileTab('ours.inc')).toBeVisible()
  await setup.getByRole('button', { name: 'Remove main.asm' }).click()
  await expect(playground.message).toContainText('one file has to be a program')
  await page.waitForTimeout(700)
  await page.reload()
  await expect(playground.fileTab('ours.inc')).toBeVisible()
  await setup.getByRole('button', { name: 'Remove ours.inc' }).click()
  await expect(playground.fileTab('ours.inc')).toHaveCount(0)
})

test('what templates took the place of is there at the next visit, and a second tab overwrites nothing @long', async ({
  page,
  context,
}) => {
  const first = new PlaygroundPage(page)
  await first.open()
  await first.openFiles({ name: 'hello.asm', buffer: HELLO })
  await expect(first.fileTab('hello.asm')).toBeVisible()
  await first.choose('Nothing: HLT')
  await first.choose('Program: two processors')

  const second = new PlaygroundPage(await context.newPage())
  await second.open()
  await expect(second.setup).toContainText('The playground is open in another tab')
  await second.choose('Nothing: HLT')
  await second.page.close()

  await page.reload()
  await expect(first.setup.getByRole('combobox', { name: 'Processors' })).toHaveValue('2')
  const earlier = first.setup.getByRole('combobox', { name: 'or', exact: true })
  await earlier.selectOption({
    label: (await earlier.locator('option', { hasText: 'hello.asm' }).innerText()).trim(),
  })
  await expect(first.fileTab('hello.asm')).toBeVisible()
})

test('the console follows what is written, unless the reader has gone up in it @long', async ({ page }) => {
  const playground = new PlaygroundPage(page)
  await playground.open()
  await playground.openFiles({ name: 'lines.asm', buffer: LINES })
  await expect(playground.fileTab('lines.asm')).toBeVisible()
  await playground.root.getByRole('tab', { name: 'Console' }).click()
  const below = (): Promise<number> =>
    playground.console.evaluate(({ parentElement: scroller }) => {
      const { scrollTop, clientHeight, scrollHeight } = scroller!
      return Math.round(scrollHeight - clientHeight - scrollTop)
    })
  await playground.run()
  await expect(playground.console).toContainText('K\nK\n')
  expect(await below()).toBe(0)
  await playground.console.evaluate(({ parentElement }) => (parentElement!.scrollTop = 40))
  await playground.button('Step back').click()
  await expect(playground.state).toHaveText('Paused')
  for (let step = 0; step < 4; step++) await playground.button('Step back').click()
  await expect(playground.console).not.toContainText(/(K\s){100}/)
  await playground.run()
  await expect(playground.console).toContainText(/(K\s){100}/)
  expect(await below()).toBeGreaterThan(100)
})

test('stepping back goes over the change of the vCPU whose turn it is @long', async ({ page }) => {
  const playground = new PlaygroundPage(page)
  await playground.open()
  await playground.openFiles({ name: 'pauses.asm', buffer: TWO_THAT_PAUSE })
  await playground.setup.getByRole('combobox', { name: 'Processors' }).selectOption('2')
  await expect(playground.message).toContainText('The machine is another one')
  await playground.ready()
  const turn = playground.root.getByRole('tab', { name: /^Whose turn it is/ })
  await playground.root.getByRole('tab', { name: 'Registers' }).click()
  const first = await turn.innerText()
  const steps = playground.root.locator('.wb-count b')
  let before = ''
  for (let step = 1; (await turn.innerText()) === first; step++) {
    before = await playground.root.locator('[data-register=RIP] input').inputValue()
    await playground.button('Step').click()
    await expect(steps).toHaveText(String(step))
  }
  await playground.button('Step back').click()
  await expect(turn).toHaveText(first)
  await expect(playground.root.locator('[data-register=RIP] input')).toHaveValue(before)
})

test('the report of an error asks for the machine as a file @long', async ({ page }) => {
  const playground = new PlaygroundPage(page)
  await playground.open()
  await playground.button('More').click()
  await page.getByRole('menuitem', { name: 'Report an error' }).click()
  await expect(page.getByRole('textbox', { name: 'The report' })).toHaveValue(/^Link: .*Save the machine/m)
})

test('own files run; files that are something else are refused with the reason @long', async ({ page }) => {
  const playground = new PlaygroundPage(page)
  await playground.open()
  await playground.openFiles({ name: 'hello.asm', buffer: HELLO })
  await expect(playground.message).toHaveText('Opened: hello.asm.')
  await playground.ready()
  await playground.run()
  await playground.root.getByRole('tab', { name: 'Console' }).click()
  await expect(playground.console).toHaveText('K')

  await playground.openFiles({ name: 'x.asm', buffer: Buffer.from([0xff, 0xfe, 0xc0]) })
  await expect(playground.message).toHaveText(
    'x.asm could not be opened: it is not a text in UTF-8. Save it as UTF-8, and open it again.',
  )
  await playground.openFiles({ name: 'half.elf', buffer: KERNEL.subarray(0, 40) })
  await expect(playground.message).toContainText('half.elf cannot be started:')
  await playground.openFiles({ name: 'x.wsm', buffer: Buffer.from('WSMFgarbage') })
  await expect(playground.message).toHaveText(
    'x.wsm could not be opened: it is damaged. Save the machine again.',
  )

  await playground.openFiles({ name: 'endless.bin', buffer: ENDLESS })
  await expect(playground.message).toContainText('endless.bin is in memory')
  await playground.button('Run').click()
  await expect(playground.state).toHaveText('Running')
  await playground.button('Stop').click()
  await expect(playground.state).toHaveText('Paused')
  await playground.button('Back to the texts').click()
  await expect(playground.fileTab('hello.asm')).toBeVisible()
})

test('a machine is saved in the middle of its run and goes on from there in another page @long', async ({
  page,
  context,
}) => {
  const first = new PlaygroundPage(page)
  await first.open()
  for (let step = 0; step < 4; step++) await first.button('Step').click()
  await expect(first.root.locator('.wb-count')).toContainText('4 of at most')
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    first.button('Save the machine').click(),
  ])
  const file = { name: 'machine.wsm', buffer: readFileSync(await download.path()) }
  await first.choose('Nothing: HLT')

  const second = new PlaygroundPage(await context.newPage())
  await second.open()
  await second.openFiles(file)
  await expect(second.message).toContainText('the machine is where it was saved')
  await expect(second.root.locator('.wb-count')).toContainText('4 of at most')
  await second.run()
  await expect(second.root.locator('.wb-count')).toContainText('70 of at most')
})

test('@long a multiboot kernel boots and is told its command line', async ({ page }) => {
  const playground = new PlaygroundPage(page)
  await playground.open()
  await playground.openFiles({ name: 'plain64.elf', buffer: KERNEL })
  await expect(playground.message).toContainText('plain64.elf is in memory')
  await playground.setup.getByRole('combobox', { name: 'Memory' }).selectOption('256 MiB')
  await expect(playground.message).toContainText('The machine is another one')
  const commandLine = playground.setup.getByLabel('Command line')
  await commandLine.fill('plain64.elf div=10000')
  await commandLine.press('Enter')
  await expect(playground.root.getByRole('region', { name: 'Image' })).toContainText('div=10000')
  await playground.ready()
  await playground.run()
  await expect(playground.console).toContainText('== END')
  await expect(playground.console).toContainText('ok=1')
})
