import { digestOf } from '#oci/digest.ts';
import type { Explanation, TrustEngine } from '#trust/engine.ts';
import { trustOptions } from '#trust/options.ts';

/** A digest that differs with the text. */
export function digestFor(text: string): Explanation['digest'] {
  return digestOf(Buffer.from(text), 'sha256');
}

/** A manifest that everybody sees and of which nothing is asked, but for what is said of it. */
export function anExplanation(words: Partial<Explanation> = {}): Explanation {
  return {
    digest: digestFor('image'),
    pointsAt: undefined,
    isVisible: true,
    isWithheld: false,
    policy: undefined,
    verdict: undefined,
    held: [],
    signatures: [],
    release: undefined,
    missing: [],
    ...words,
  };
}

/** A gate that answers with plain values, and knows nothing but what is said. */
export function anEngine(words: Partial<TrustEngine> = {}): TrustEngine {
  return {
    options: () => trustOptions.parse({}),
    explain: async () => undefined,
    verify: async () => undefined,
    held: async () => [],
    release: async () => [],
    async *preview() {
      // Nothing is asked of anything.
    },
    ...words,
  };
}
