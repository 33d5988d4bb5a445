// The Content-Security-Policy is in force: what the book did not bring does not run. That nothing of the book is against it, every
// other test asserts with its clean console.
import { test as bare } from '@playwright/test'
import { BUILT_TEMPLATES } from './built-pages.ts'
import { expect, test } from './fixtures.ts'

test('every page comes with the policy, in itself and as a header, which lets others frame embedded labs only', async ({
  request,
}) => {
  for (const address of BUILT_TEMPLATES) {
    const response = await request.get(address)
    const header = response.headers()['content-security-policy']
    expect(header, address).toContain("script-src 'self' 'wasm-unsafe-eval' 'sha256-")
    const inPage = /<meta http-equiv="content-security-policy" content="([^"]*)">/.exec(await response.text())
    const framing = address.startsWith('/embed/') ? '' : "; frame-ancestors 'none'"
    expect(header, address).toBe(`${inPage?.[1]}${framing}`)
  }
})

// With a console that complains, as it should.
bare('scripts, requests and workers that are not the book’s are refused', async ({ page }) => {
  await page.goto('/chapters/vmrun/')
  const refused = await page.evaluate(async () => {
    const found: string[] = []
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
      found.push(effectiveDirective),
    )
    const script = document.createElement('script')
    script.textContent = 'document.title = "taken over"'
    document.body.append(script)
    const foreign = document.createElement('script')
    foreign.src = 'https://example.com/script.js'
    document.body.append(foreign)
    const handler = document.createElement('img')
    handler.setAttribute('onerror', 'document.title = "taken over"')
    handler.src = 'https://example.com/image.png'
    document.body.append(handler)
    await fetch('https://example.com/').catch(() => undefined)
    try {
      new Worker(URL.createObjectURL(new Blob([''])))
    } catch {
      // Browsers differ in whether this throws.
    }
    await new Promise((resolve) => setTimeout(resolve, 300))
    return found
  })
  expect(new Set(refused)).toEqual(
    new Set(['script-src-elem', 'script-src-attr', 'img-src', 'connect-src', 'worker-src']),
  )
  expect(await page.title()).not.toBe('taken over')
})
