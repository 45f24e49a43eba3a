import { defineConfig } from 'vitest/config';

const HEAVY = ['test/e2e/**', 'test/conformance-official/**', 'test/stress/**'];

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
          name: 'stress',
          include: ['test/stress/**/*.test.ts'],
          // As long as it is told to take, and then until everything dead is gone.
          testTimeout: 120_000,
          hookTimeout: 3_600_000,
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
