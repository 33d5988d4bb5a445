/**
 * Reading offline: after the build a service worker is written that keeps all of the book, unvisited labs, editor and machine included.
 * A new version is fetched in the background and waits until the reader takes it (components/offline).
 */
import { fileURLToPath } from 'node:url'
import type { AstroIntegration } from 'astro'
import { generateSW } from 'workbox-build'
import { POLICY_FILE } from '../static-server.mjs'

const SERVICE_WORKER = 'service-worker.js'

export function serviceWorker(): AstroIntegration {
  return {
    name: 'service-worker',
    hooks: {
      'astro:build:done': async ({ dir, logger }) => {
        const { count, size, warnings } = await generateSW({
          globDirectory: fileURLToPath(dir),
          globPatterns: ['**/*'],
          // Embedded labs lie in pages of other sites, which need the network themselves.
          globIgnores: ['.prerender/**', 'embed/**', 'embed.js', SERVICE_WORKER, POLICY_FILE],
          swDest: fileURLToPath(new URL(SERVICE_WORKER, dir)),
          inlineWorkboxRuntime: true,
          sourcemap: false,
          // Every file, whatever its size: the editor is one of several megabytes.
          maximumFileSizeToCacheInBytes: Number.MAX_SAFE_INTEGER,
          // These names carry a hash of the content.
          dontCacheBustURLsMatching: /^_astro\//,
          cleanupOutdatedCaches: true,
          // The page of the first visit, too, gets from the worker what it loads later.
          clientsClaim: true,
          // Whatever an address says after "?", the page reads it itself.
          ignoreURLParametersMatching: [/./],
          runtimeCaching: [
            {
              // An address that is not in the book: the server answers, or the page for that when there is no server.
              urlPattern: ({ request }) => request.mode === 'navigate',
              handler: 'NetworkOnly',
              options: { precacheFallback: { fallbackURL: '404.html' } },
            },
          ],
        })
        for (const warning of warnings) logger.warn(warning)
        logger.info(`${count} files, ${(size / 1e6).toFixed(1)} MB, are kept for reading offline`)
      },
    },
  }
}
