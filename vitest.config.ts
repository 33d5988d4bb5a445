import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'emulator/**/*.test.ts',
      'fuzz/**/*.test.ts',
      'components/**/*.test.ts',
      'src/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    setupFiles: ['scripts/property-seed.ts'],
    testTimeout: 240_000,
  },
})
