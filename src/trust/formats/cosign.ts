import { z } from 'zod';
import type { Digest } from '#oci/digest.ts';
import type { Signature, SignatureFormat } from '../format.ts';
import type { Root } from '../root.ts';
import { readBundle } from '../sigstore/bundle.ts';
import { type Claim, SIGNATURE_MAX_BYTES } from '../sigstore/claim.ts';
import { type Candidate, candidatesOf } from '../sigstore/discovery.ts';
import { certificateOf } from '../sigstore/legacy-certificate.ts';
import { readLegacyPayload } from '../sigstore/legacy-payload.ts';
import { base64, shaped } from '../sigstore/shape.ts';
import { ENVELOPE_MAX_BYTES, readEnvelope } from '../sigstore/statement.ts';
import { testimoniesOf } from '../sigstore/testimonies.ts';
import { parseStrictJson } from '../strict-json.ts';
import { type Finding, VerificationError } from '../testimony.ts';

const signatureAnnotation = z.looseObject({ 'dev.cosignproject.cosign/signature': base64(SIGNATURE_MAX_BYTES) });

/** Signatures and attestations of cosign, in every layout it has had. */
export const cosign: SignatureFormat = {
  name: 'cosign',
  async *find(subject, shelf) {
    for await (const candidate of candidatesOf(subject, shelf)) yield signatureOf(candidate, subject.digest);
  },
};

function signatureOf(candidate: Candidate, subject: Digest): Signature {
  const { source, manifest, part } = candidate;
  const check: Signature['check'] = async (roots) => await findingOf(candidate, subject, roots);
  return { format: 'cosign', source, manifest, part, check };
}

async function findingOf(candidate: Candidate, subject: Digest, roots: readonly Root[]): Promise<Finding> {
  if ('problem' in candidate) return { isAboutSubject: false, problem: candidate.problem, testimonies: [] };
  let isAboutSubject = false;
  try {
    const claim = claimOf(candidate, subject);
    isAboutSubject = true;
    const testimonies = await testimoniesOf(claim, roots);
    const problem = testimonies.length === 0 ? 'there is no root that could vouch for it' : undefined;
    return { isAboutSubject, problem, testimonies };
  } catch (error) {
    return { isAboutSubject, problem: problemOf(error), testimonies: [] };
  }
}

/** @throws {VerificationError} integrity: the content is not what its layout wants, or about something else */
function claimOf(candidate: Exclude<Candidate, { problem: string }>, subject: Digest): Claim {
  const { layout, content, annotations } = candidate;
  switch (layout) {
    case 'bundle':
      return readBundle(content, subject);
    case 'envelope': {
      const claim = readEnvelope(parseStrictJson(content, { maxBytes: ENVELOPE_MAX_BYTES }), subject);
      return { ...claim, keyless: certificateOf(annotations, claim) };
    }
    case 'payload': {
      const reference = readLegacyPayload(content, subject);
      const { 'dev.cosignproject.cosign/signature': signature } = shaped(
        signatureAnnotation,
        annotations,
        'annotations',
      );
      const claim = { signature, signed: content, envelope: undefined, predicateType: undefined, reference };
      return { ...claim, keyless: certificateOf(annotations, claim) };
    }
  }
}

/** Whatever was thrown, also where nobody thought of it: a finding in words. */
function problemOf(error: unknown): string {
  if (error instanceof VerificationError) return error.message;
  return `it cannot be judged: ${error instanceof Error ? error.message : String(error)}`;
}
