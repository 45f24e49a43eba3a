import { z } from 'zod';
import type { Digest } from '#oci/digest.ts';
import { repositoryOf } from '../docker-reference.ts';
import { parseStrictJson } from '../strict-json.ts';
import { VerificationError } from '../testimony.ts';
import { shaped } from './shape.ts';

/** A payload is some hundred bytes; what its signer adds as `optional` is theirs. */
export const PAYLOAD_MAX_BYTES = 1 << 20;

// No member more: containers/image refuses those, and what one reader refuses another must not believe.
const payload = z.strictObject({
  critical: z.strictObject({
    identity: z.strictObject({ 'docker-reference': z.string().max(4096) }),
    image: z.strictObject({ 'docker-manifest-digest': z.string().max(256) }),
    type: z.literal('cosign container image signature'),
  }),
  optional: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * Reads what cosign signed before it signed statements, which is to be about the subject; returns the repository that it
 * names, or undefined. cosign specs/SIGNATURE_SPEC.md, "Payload".
 *
 * @throws {VerificationError} integrity: it is none, or it is about something else
 */
export function readLegacyPayload(bytes: Uint8Array, subject: Digest): string | undefined {
  const { critical } = shaped(payload, parseStrictJson(bytes, { maxBytes: PAYLOAD_MAX_BYTES }), 'payload');
  if (critical.image['docker-manifest-digest'] !== subject) {
    throw new VerificationError('integrity', `the payload is about something else, not ${subject}`);
  }
  return repositoryOf(critical.identity['docker-reference']);
}
