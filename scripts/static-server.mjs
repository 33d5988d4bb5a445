// Serves a folder of built pages on 127.0.0.1: for readers (npm start) and for the end-to-end tests.
import { createReadStream, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'

const MIME_TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
  '.xml': 'application/xml',
}

/** The file of the built book that holds its Content-Security-Policy; `scripts/build` writes it. */
export const POLICY_FILE = 'content-security-policy.txt'

/**
 * The file that answers `url`, or undefined: a directory answers with its index.html, and no path leaves `folder`.
 * @param {string} folder
 * @param {string} url path and query, as in the request line
 */
async function fileFor(folder, url) {
  let path
  try {
    path = normalize(decodeURIComponent(url.replace(/[?#].*$/s, '')))
  } catch {
    return undefined
  }
  if (!path.startsWith('/') || path.includes('\0')) return undefined
  const file = join(folder, path)
  const found = await stat(file).catch(() => undefined)
  if (found?.isFile()) return file
  if (!found?.isDirectory() || !path.endsWith('/')) return undefined
  const index = join(file, 'index.html')
  return (await stat(index).catch(() => undefined))?.isFile() ? index : undefined
}

/**
 * @param {string} folder the built book
 * @param {string} base the path under which it is served, with slashes at both ends
 * @returns {import('node:http').Server} not listening yet
 */
export function staticServer(folder, base = '/') {
  const policy = readFileSync(join(folder, POLICY_FILE), 'utf8').trim()
  // Other sites may frame nothing but embedded labs.
  const embedded = join(folder, 'embed', sep)
  const policyFor = (/** @type {string} */ file) =>
    file.startsWith(embedded) ? policy : `${policy}; frame-ancestors 'none'`
  return createServer(async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end()
      return
    }
    const url = request.url ?? '/'
    const path = url.startsWith(base) ? url.slice(base.length - 1) : undefined
    const file = path === undefined ? undefined : await fileFor(folder, path)
    const shown = file ?? join(folder, '404.html')
    // Files under _astro carry a hash of their content in the name.
    const caching = path?.startsWith('/_astro/') ? 'public, max-age=31536000, immutable' : 'no-cache'
    const type =
      MIME_TYPES[/** @type {keyof typeof MIME_TYPES} */ (extname(shown))] ?? 'application/octet-stream'
    response.writeHead(file === undefined ? 404 : 200, {
      'Content-Type': type,
      'Cache-Control': caching,
      'Content-Security-Policy': policyFor(shown),
    })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    createReadStream(shown)
      .on('error', () => response.end())
      .pipe(response)
  })
}

/**
 * Listens on 127.0.0.1 at the first free port from `firstPort`.
 * @param {import('node:http').Server} server
 * @param {number} firstPort
 * @returns {Promise<number>} the port
 */
export async function listen(server, firstPort) {
  for (let port = firstPort; port < firstPort + 100; port++) {
    const isFree = await new Promise((resolve, reject) => {
      server.once('error', (/** @type {NodeJS.ErrnoException} */ error) =>
        error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
      )
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (isFree) return port
  }
  throw new Error(`no free port on 127.0.0.1 from ${firstPort} to ${firstPort + 99}`)
}

/**
 * The first port from `firstPort` at which nothing listens on 127.0.0.1.
 * @param {number} firstPort
 */
export async function firstFreePort(firstPort) {
  const server = createServer()
  const port = await listen(server, firstPort)
  await new Promise((resolve) => server.close(resolve))
  return port
}
