import { defineConfig } from 'vitest/config'

/** Folders whose tests leave nothing behind in a module: they share one set of modules, which saves loading it for each file. */
const SHARED = ['isa', 'state', 'paging', 'caches', 'system', 'svm', 'semantics', 'hypervisor', 'lab'].map(
  (folder) => `emulator/${folder}/**/*.test.ts`,
)

export default defineConfig({
  test: {
    setupFiles: ['scripts/property-seed.ts'],
    testTimeout: 240_000,
    projects: [
      { extends: true, test: { name: 'shared modules', include: SHARED, isolate: false } },
      {
        extends: true,
        test: {
          name: 'modules of their own',
          include: ['{emulator,fuzz,components,src,scripts}/**/*.test.ts'],
          exclude: SHARED,
        },
      },
    ],
  },
})
