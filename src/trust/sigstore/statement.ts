import { dsse } from '@sigstore/core';
import { z } from 'zod';
import { type Digest, algorithmOf, hexOf } from '#oci/digest.ts';
import { parseStrictJson } from '../strict-json.ts';
import { VerificationError } from '../testimony.ts';
import { type Claim, SIGNATURE_MAX_BYTES } from './claim.ts';
import { base64, shaped } from './shape.ts';

/** An envelope and all around it; bills of materials of large images are of a few mebibytes. */
export const ENVELOPE_MAX_BYTES = 8 << 20;

/** What cosign signs images with when it attests to nothing. cosign v3.1, pkg/types/predicate.go. */
const PLAIN_SIGNATURE = 'https://sigstore.dev/cosign/sign/v1';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

// Members that nobody knows are ignored in both: DSSE v1.0.2, envelope.md, and in-toto v1, statement.md, want it so.
const envelope = z.looseObject({
  payload: base64(ENVELOPE_MAX_BYTES),
  payloadType: z.literal(PAYLOAD_TYPE),
  // A second one could be anybody's, and which of the two a reader looks at is the reader's choice.
  signatures: z.tuple([z.looseObject({ sig: base64(SIGNATURE_MAX_BYTES) })]),
});

// 1024 and 32: the limits of sigstore-go since CVE-2024-45395.
const statement = z.looseObject({
  _type: z.enum(['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1']),
  subject: z
    .array(
      z.looseObject({
        digest: z
          .record(z.string().max(64), z.string().max(256))
          .refine((digests) => Object.keys(digests).length <= 32, 'more than 32 digests'),
      }),
    )
    .min(1)
    .max(1024),
  predicateType: z.string().min(1).max(1024),
});

/**
 * Reads a DSSE envelope around an in-toto statement that is to be about the subject.
 *
 * @throws {VerificationError} integrity: it is none, or it is about something else
 */
export function readEnvelope(document: unknown, subject: Digest): Omit<Claim, 'keyless'> {
  const { payload, payloadType, signatures } = shaped(envelope, document, 'envelope');
  return {
    signature: signatures[0].sig,
    signed: dsse.preAuthEncoding(payloadType, payload),
    envelope: { payloadType, payload },
    predicateType: predicateTypeOf(payload, subject),
    reference: undefined,
  };
}

function predicateTypeOf(payload: Uint8Array, subject: Digest): string | undefined {
  const document = parseStrictJson(payload, { maxBytes: ENVELOPE_MAX_BYTES });
  const { subject: subjects, predicateType } = shaped(statement, document, 'statement');
  if (!subjects.some(({ digest }) => digest[algorithmOf(subject)] === hexOf(subject))) {
    throw new VerificationError('integrity', `the statement is about something else, not ${subject}`);
  }
  return predicateType === PLAIN_SIGNATURE ? undefined : predicateType;
}
