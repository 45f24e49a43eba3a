import type { X509Certificate } from 'node:crypto';
import type { Digest } from '#oci/digest.ts';
import type { Subject } from '#trust/format.ts';
import { notation } from '#trust/formats/notation.ts';
import type { X509Root } from '#trust/root.ts';
import { CHECKS, type Check, type Finding, type Testimony } from '#trust/testimony.ts';
import { type MemoryShelf, aShelf, aSubject } from '../shelf.ts';
import { type CertificateWishes, NOW, type Party } from '../x509/authority.ts';
import { type EnvelopeFormat, type EnvelopeWishes, anEnvelope } from './envelopes.ts';

export const SIGNATURE_TYPE = 'application/vnd.cncf.notary.signature';

const MEDIA_TYPES = { jws: 'application/jose+json', cose: 'application/cose' } as const;

/** The subject of somebody of that name. */
export const named = (name: string): CertificateWishes => ({
  subject: [{ C: ['CH'] }, { ST: ['Bern'] }, { O: ['Example'] }, { CN: [name] }],
});

/** A trust store. */
export function aStore(
  authorities: readonly (Party | X509Certificate)[],
  others: Partial<Omit<X509Root, 'authorities'>> = {},
): X509Root {
  return {
    kind: 'x509',
    name: 'corp',
    version: '1',
    problem: undefined,
    store: 'ca',
    timeStampAuthorities: [],
    revocationLists: [],
    ...others,
    authorities: authorities.map((one) => ('certificate' in one ? one.certificate : one)),
  };
}

/** Puts an envelope on the shelf in a manifest of which everything is right that `fields` does not replace. */
export function putEnvelope(
  shelf: MemoryShelf,
  subject: Subject,
  put: { readonly format: EnvelopeFormat; readonly content: Uint8Array | string; readonly fields?: object },
): Digest {
  return shelf.putArtifact({
    subject,
    layers: [{ mediaType: MEDIA_TYPES[put.format], content: put.content }],
    fields: { artifactType: SIGNATURE_TYPE, ...put.fields },
  });
}

export interface LookWishes {
  readonly shelf: MemoryShelf;
  readonly subject: Subject;
  readonly roots: readonly X509Root[];
  readonly at?: number;
}

/** What every signature on the shelf turns out to be. */
export async function look({ shelf, subject, roots, at = NOW }: LookWishes): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const signature of notation.find(subject, shelf)) findings.push(await signature.check(roots, at));
  return findings;
}

/** What the only signature on a new shelf turns out to be. */
export async function lookAt(
  format: EnvelopeFormat,
  wishes: Omit<EnvelopeWishes, 'subject'> & { readonly root: X509Root; readonly at?: number },
): Promise<Finding> {
  const shelf = aShelf();
  const subject = aSubject(shelf);
  putEnvelope(shelf, subject, { format, content: anEnvelope(format, { ...wishes, subject }) });
  return only(
    await look({ shelf, subject, roots: [wishes.root], ...(wishes.at === undefined ? {} : { at: wishes.at }) }),
  );
}

export function only<T>(list: readonly T[]): T {
  const [first, ...more] = list;
  if (first === undefined || more.length > 0) throw new Error(`expected one, found ${list.length}`);
  return first;
}

/** What came of each check. */
export function outcomesOf(testimony: Testimony): Record<Check, string> {
  const { integrity, authenticity, timestamp, expiry, revocation } = testimony.checks;
  return {
    integrity: integrity.outcome,
    authenticity: authenticity.outcome,
    timestamp: timestamp.outcome,
    expiry: expiry.outcome,
    revocation: revocation.outcome,
  };
}

/** The words of each check that failed. */
export function failuresOf(finding: Finding): Partial<Record<Check, string>> {
  const { checks } = only(finding.testimonies);
  return Object.fromEntries(
    CHECKS.filter((check) => checks[check].outcome === 'fail').map((check) => [check, checks[check].why]),
  );
}

/** Whether any root vouches for an intact signature: what must never be said of a forged one. */
export function isBelieved({ testimonies }: Finding): boolean {
  return testimonies.some(
    ({ checks }) => checks.integrity.outcome === 'pass' && checks.authenticity.outcome === 'pass',
  );
}
