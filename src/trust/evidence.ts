import { z } from 'zod';
import type { Digest } from '#oci/digest.ts';
import type { SeenSignature } from './examination.ts';
import { CHECKS, type Testimony } from './testimony.ts';

const check = z.object({ outcome: z.enum(['pass', 'fail', 'none']), why: z.string() });

const signature = z.object({
  format: z.enum(['cosign', 'notation', 'simple-signing']),
  source: z.string(),
  manifest: z.custom<Digest>((value) => typeof value === 'string').optional(),
  isAboutSubject: z.boolean(),
  problem: z.string().optional(),
  testimonies: z.array(
    z.object({
      root: z.string(),
      signer: z.object({
        name: z.string(),
        ids: z.array(z.string()),
        identity: z.string().optional(),
        issuer: z.string().optional(),
        subject: z.string().optional(),
        fingerprint: z.string().optional(),
      }),
      checks: z.record(z.enum(CHECKS), check),
      predicateType: z.string().optional(),
      reference: z.string().optional(),
      goodUntil: z.number().optional(),
    }),
  ),
});

/** A signature as the evidence of a verdict shows it. */
export type ShownSignature = z.infer<typeof signature>;

// What a person reads; a flood of junk is not kept.
const SIGNATURES_MAX = 100;
const WORDS_MAX = 1000;

/** What a verdict rests on, as it is stored: those signatures first that count for something. */
export function evidenceText(seen: readonly SeenSignature[]): string {
  const worth = (one: SeenSignature): number => Math.min(...one.testimonies.map(failures), CHECKS.length + 1);
  const shown = seen.toSorted((one, other) => worth(one) - worth(other)).slice(0, SIGNATURES_MAX);
  // Words may quote what somebody sent, names and types are what somebody sent.
  const short = (_name: string, value: unknown): unknown =>
    typeof value === 'string' ? value.slice(0, WORDS_MAX) : value;
  return JSON.stringify({ total: seen.length, signatures: shown }, short);
}

/** Reads {@link evidenceText} back; nothing for what was never examined. */
export function readEvidence(text: string | null): { total: number; signatures: ShownSignature[] } {
  if (text === null) return { total: 0, signatures: [] };
  const { total, signatures } = z.object({ total: z.number(), signatures: z.array(signature) }).parse(JSON.parse(text));
  return { total, signatures };
}

function failures({ checks }: Testimony): number {
  return CHECKS.filter((name) => checks[name].outcome === 'fail').length;
}
