import type { TrustEngine } from './engine.ts';
import { trustOptions } from './options.ts';

/** A gate over a registry that has nothing: what there is for those who may not see what there is. */
export const nowhere: TrustEngine = {
  options: () => trustOptions.parse({}),
  explain: async () => undefined,
  verify: async () => undefined,
  held: async () => [],
  release: async () => [],
  async *preview() {
    // There is nothing that anything could be asked of.
  },
};
