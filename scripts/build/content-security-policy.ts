/**
 * The Content-Security-Policy of the book: what its pages may load and run. After the build it is written into every page, so that it
 * holds on any host, and into a file for servers that send it as a header (docs/deploying.md).
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { AstroIntegration } from 'astro'
import { POLICY_FILE } from '../static-server.mjs'
import { builtPages } from './built-pages.ts'
import { inlineScripts } from './page-scripts.ts'

/** The CSP sources that allow the scripts which stand in a page itself: "'sha256-...'". */
export function inlineScriptSources(html: string): string[] {
  return inlineScripts(html).map(
    ({ code }) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`,
  )
}

/** The policy for pages whose inline scripts have these sources. Who may frame a page, only a header can say. */
export function contentSecurityPolicy(scriptSources: Iterable<string>): string {
  return [
    "default-src 'self'",
    // Hot guest code is compiled to WebAssembly.
    ["script-src 'self' 'wasm-unsafe-eval'", ...scriptSources].join(' '),
    // Monaco makes its styles at run time.
    "style-src 'self' 'unsafe-inline'",
    // Monaco's style sheet draws with small images of its own.
    "img-src 'self' data:",
    "worker-src 'self'",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
  ].join('; ')
}

/** The page with the policy before everything that it governs. */
export function withPolicy(html: string, policy: string): string {
  const charset = /<meta charset="?utf-8"?\s*\/?>/i
  if (!charset.test(html))
    throw new Error('a page without <meta charset>, after which its policy would stand')
  return html.replace(
    charset,
    (meta) => `${meta}<meta http-equiv="content-security-policy" content="${policy}">`,
  )
}

/** Astro's own policy leaves out scripts that are inline, and lists every style sheet and script file by its hash. */
export function contentSecurityPolicyIntegration(): AstroIntegration {
  return {
    name: 'content-security-policy',
    hooks: {
      'astro:build:done': async ({ dir }) => {
        const pages = await Promise.all(
          builtPages(fileURLToPath(dir)).map(async (file) => ({ file, html: await readFile(file, 'utf8') })),
        )
        const policy = contentSecurityPolicy(new Set(pages.flatMap(({ html }) => inlineScriptSources(html))))
        await Promise.all(pages.map(({ file, html }) => writeFile(file, withPolicy(html, policy))))
        await writeFile(new URL(POLICY_FILE, dir), `${policy}\n`)
      },
    },
  }
}
