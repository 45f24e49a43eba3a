import { defineConfig } from 'vitest/config';

const HEAVY = ['test/e2e/**', 'test/conformance-official/**'];

export default defineConfig({
  test: {
    // `default` ends with the summary that .ci/run counts: "Tests  12 passed (12)".
    reporters: ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'everyday',
          include: ['test/**/*.test.ts'],
          exclude: HEAVY,
          // Real sockets, disks and databases on two busy cores: a second more than any of them needs when healthy.
          testTimeout: 15_000,
          hookTimeout: 15_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // A 2 GiB layer goes up and down in one of these.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // The clients share ~/.docker, container storage and two cores; side by side they only fail each other.
          fileParallelism: false,
        },
      },
    ],
  },
});
