import type { TransparencyLogEntry, TrustedRoot } from '@sigstore/protobuf-specs';
import type { SigstoreRoot } from '#trust/root.ts';
import { checkKeyless } from '#trust/sigstore/keyless.ts';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';
import type { Check } from '#trust/testimony.ts';
import { type SigningWishes, type TestSigstore, rootOf } from './instance.ts';

export const CONTENT = Buffer.from('what is signed');
export const ENVELOPE = { payloadType: 'application/vnd.in-toto+json', payload: Buffer.from('{"_type":"x"}') };
/** In a log that tells no time. */
export const SECOND: SigningWishes = { entries: ['hashedrekord 0.0.2'] };

/** The checks that fail, with their words. */
export async function failuresOf(
  material: KeylessMaterial,
  root: SigstoreRoot,
): Promise<Partial<Record<Check, string>>> {
  const { checks } = await checkKeyless(material, root);
  const failures = Object.entries(checks).filter(([, { outcome }]) => outcome === 'fail');
  return Object.fromEntries(failures.map(([check, { why }]) => [check, why]));
}

/** Every entry of a material, changed. */
export function withEntry(
  material: KeylessMaterial,
  change: (entry: TransparencyLogEntry) => Partial<TransparencyLogEntry>,
): KeylessMaterial {
  return { ...material, logEntries: material.logEntries.map((entry) => ({ ...entry, ...change(entry) })) };
}

/** The root of an instance with something else in it. */
export function rootWith({ trustedRoot }: TestSigstore, change: Partial<TrustedRoot>): SigstoreRoot {
  return rootOf({ ...trustedRoot, ...change });
}
