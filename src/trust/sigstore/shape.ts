import { z } from 'zod';
import { VerificationError } from '../testimony.ts';

/** Base64 in the one spelling that every decoder agrees on; at most `maxBytes` bytes and at least one. RFC 4648, section 4. */
export function base64(maxBytes: number) {
  return z
    .string()
    .min(1)
    .max(Math.ceil(maxBytes / 3) * 4)
    .refine(
      (text) => Buffer.from(text, 'base64').toString('base64') === text,
      'not base64, or not in its canonical form',
    )
    .transform((text) => Buffer.from(text, 'base64'));
}

/**
 * Holds what was parsed against its shape.
 *
 * @param what is named in the words of the error
 * @throws {VerificationError} integrity: the first thing that is wrong
 */
export function shaped<T>(schema: z.ZodType<T>, document: unknown, what: string): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const [worst] = result.error.issues;
  // The path may hold a name of the sender's choice.
  const path = worst?.path.join('.').slice(0, 128) || 'document';
  throw new VerificationError('integrity', `${what}: ${path}: ${(worst?.message ?? 'invalid').slice(0, 256)}`);
}
