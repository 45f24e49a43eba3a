import { z } from 'zod';
import type { Subject } from '../format.ts';
import { parseStrictJson } from '../strict-json.ts';
import { MAX_ENVELOPE_BYTES, firstIssue, malformed, shown } from './envelope.ts';

const PAYLOAD_TYPE = 'application/vnd.cncf.notary.payload.v1+json';

/** signature-specification.md v1.1.0, "Payload": one descriptor and nothing beside it. */
const document = z.strictObject({
  // Whatever else a descriptor may have makes it no other manifest.
  targetArtifact: z.looseObject({
    mediaType: z.string(),
    digest: z.string(),
    size: z.int().nonnegative(),
    annotations: z.record(z.string(), z.string()).optional(),
    artifactType: z.string().optional(),
  }),
});

/** What a signature says it is about. */
export type Target = z.infer<typeof document>['targetArtifact'];

/** @throws {VerificationError} integrity: it is not a payload of the Notary Project */
export function readTarget(payload: Uint8Array): Target {
  const { success, data, error } = document.safeParse(parseStrictJson(payload, { maxBytes: MAX_ENVELOPE_BYTES }));
  if (success) return data.targetArtifact;
  throw malformed(`the payload is malformed: ${firstIssue(error)}`);
}

/**
 * All three, not the digest alone: CVE-2023-33959.
 *
 * @throws {VerificationError} integrity: the payload is of another type, or names another subject
 */
export function checkTarget(contentType: unknown, target: Target, subject: Subject): void {
  if (contentType !== PAYLOAD_TYPE)
    throw malformed(`expected a payload of ${PAYLOAD_TYPE}, found ${shown(contentType)}`);
  const pairs = [
    ['digest', subject.digest, target.digest],
    ['size', subject.sizeBytes, target.size],
    ['media type', subject.mediaType, target.mediaType],
  ] as const;
  for (const [what, wanted, found] of pairs) {
    if (wanted !== found) throw malformed(`signed is another ${what}: expected ${wanted}, found ${shown(found)}`);
  }
}
