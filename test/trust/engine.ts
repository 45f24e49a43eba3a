import { digestOf } from '#oci/digest.ts';
import type { Explanation, TrustEngine } from '#trust/engine.ts';
import { trustOptions } from '#trust/options.ts';
import { aFinding, aPolicy, aTestimony, checks } from './findings.ts';

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

/** An image that waits for a key of release under two tags, with a signature that expired and one that is broken. */
export function aHeldExplanation(): Explanation {
  const statement = { root: 'release' };
  const waiting = { since: 1000, by: 'alice', lapsesAt: 86_401_000 };
  return anExplanation({
    pointsAt: digestFor('old'),
    isVisible: false,
    isWithheld: true,
    policy: aPolicy(statement),
    verdict: {
      isSatisfied: false,
      summary: 'it needs a signature with a key of release',
      via: undefined,
      judgedAt: 2000,
      goodUntil: undefined,
      isCurrent: true,
    },
    held: [
      { ...waiting, name: '1.4' },
      { ...waiting, name: 'latest' },
    ],
    signatures: [
      {
        ...aFinding(aTestimony('release', { checks: checks({ expiry: 'fail' }) })),
        format: 'cosign',
        source: 'referrer 1',
        manifest: digestFor('referrer 1'),
      },
      {
        isAboutSubject: false,
        problem: 'its layer is no bundle',
        testimonies: [],
        format: 'cosign',
        source: 'referrer 2',
        manifest: digestFor('referrer 2'),
      },
    ],
    missing: [{ words: 'a signature with a key of release', root: 'release', kind: 'keys', statement }],
  });
}
