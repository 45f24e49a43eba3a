import type { ReferrerEntry, Shelf, Signature, SignatureFormat, Subject } from '../format.ts';
import type { Attributes } from '../notary/attributes.ts';
import type { Envelope } from '../notary/envelope.ts';
import { checkIntegrity, testify } from '../notary/judgement.ts';
import { SIGNATURE_TYPE, openEnvelope } from '../notary/manifest.ts';
import { type Target, readTarget } from '../notary/payload.ts';
import type { Root, X509Root } from '../root.ts';
import { type Finding, type Testimony, VerificationError } from '../testimony.ts';

/** Signatures of one subject that are looked at; notation itself stops at 100. */
const MAX_SIGNATURES = 1000;

/** Signatures of the Notary Project: referrers that bring an envelope of JWS or COSE. */
export const notation: SignatureFormat = { name: 'notation', find };

async function* find(subject: Subject, shelf: Shelf): AsyncGenerator<Signature> {
  let found = 0;
  for await (const entry of shelf.referrers(subject.digest)) {
    if (entry.artifactType !== SIGNATURE_TYPE) continue;
    if (found === MAX_SIGNATURES) {
      yield surplus(subject);
      return;
    }
    found += 1;
    yield {
      format: 'notation',
      source: `referrer ${entry.digest}`,
      manifest: entry.digest,
      check: async (roots, at) => await check({ entry, shelf, subject }, roots, at),
    };
  }
}

/** Says that there are more than are looked at, so that nobody waits for them. */
function surplus(subject: Subject): Signature {
  const problem = `${subject.digest} has more than ${MAX_SIGNATURES} signatures: the rest is not looked at`;
  const finding: Finding = { isAboutSubject: false, problem, testimonies: [] };
  return { format: 'notation', source: 'the other referrers', manifest: undefined, check: async () => finding };
}

interface Candidate {
  readonly entry: ReferrerEntry;
  readonly shelf: Shelf;
  readonly subject: Subject;
}

async function check(candidate: Candidate, roots: readonly Root[], at: number): Promise<Finding> {
  let isAboutSubject = false;
  try {
    const envelope = await openEnvelope(candidate.entry, candidate.shelf);
    const target = readTarget(envelope.payload);
    isAboutSubject = target.digest === candidate.subject.digest;
    const intact = integrityOf(envelope, target, candidate.subject);
    const stores = roots.filter((root): root is X509Root => root.kind === 'x509');
    const testimonies: Testimony[] = [];
    for (const root of stores) testimonies.push(await testify({ envelope, root, at }, intact));
    const problem = testimonies.length === 0 ? 'there is no root of x509 to hold it against' : undefined;
    return { isAboutSubject, problem, testimonies };
  } catch (error) {
    const problem = error instanceof VerificationError ? error.message : 'it cannot be read';
    return { isAboutSubject, problem, testimonies: [] };
  }
}

function integrityOf(envelope: Envelope, target: Target, subject: Subject): Attributes | VerificationError {
  try {
    return checkIntegrity({ envelope, target, subject });
  } catch (error) {
    if (error instanceof VerificationError) return error;
    return new VerificationError('integrity', 'the signature cannot be verified', { cause: error });
  }
}
