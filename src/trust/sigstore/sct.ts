import { type X509Certificate, createHash } from 'node:crypto';
import { ByteStream, EXTENSION_OID_SCT, X509Certificate as ParsedCertificate, X509SCTExtension } from '@sigstore/core';
import { VerificationError } from '../testimony.ts';
import { type Log, isWithin } from './anchors.ts';

/** RFC 6962, section 3.2: v1 is 0. Section 2.1.4: SHA-256 is the only hash. */
const V1 = 0;
const HASH = 'sha256';

/**
 * Whether a log of certificates vouches for having seen this one, by a time stamp that stands in it.
 *
 * @returns the names of the logs that do
 * @throws {VerificationError} authenticity: none does
 */
export function checkScts(leaf: X509Certificate, issuer: X509Certificate, logs: readonly Log[]): ReadonlySet<string> {
  const { scts, submitted } = readScts(leaf, issuer);
  const witnesses = new Set<string>();
  for (const sct of scts) {
    const log = logs.find(
      ({ keyId, key, validFor }) =>
        keyId.equals(sct.logID) &&
        isWithin(validFor, sct.datetime.getTime()) &&
        sct.version === V1 &&
        sct.algorithm === HASH &&
        sct.verify(submitted, key),
    );
    if (log !== undefined) witnesses.add(log.name);
  }
  if (witnesses.size === 0) {
    const what =
      scts.length === 0
        ? 'the certificate is in no log of certificates'
        : 'no log of certificates of the root has seen the certificate';
    throw new VerificationError('authenticity', what);
  }
  return witnesses;
}

type Sct = X509SCTExtension['signedCertificateTimestamps'][number];

/** The time stamps, and what was submitted: the certificate without them. RFC 6962, section 3.2, PreCert. */
function readScts(leaf: X509Certificate, issuer: X509Certificate): { scts: readonly Sct[]; submitted: Buffer } {
  try {
    const copy = ParsedCertificate.parse(Buffer.from(leaf.raw));
    const at = copy.extensions.findIndex(({ subs }) => subs[0]?.toOID() === EXTENSION_OID_SCT);
    const [extension] = at === -1 ? [] : copy.extensions.splice(at, 1);
    const tbs = copy.tbsCertificate.toDER();
    const submitted = new ByteStream();
    submitted.appendView(
      createHash('sha256')
        .update(issuer.publicKey.export({ type: 'spki', format: 'der' }))
        .digest(),
    );
    submitted.appendUint24(tbs.length);
    submitted.appendView(tbs);
    const scts = extension === undefined ? [] : new X509SCTExtension(extension).signedCertificateTimestamps;
    return { scts, submitted: submitted.buffer };
  } catch (error) {
    throw new VerificationError('authenticity', 'the certificate time stamps cannot be read', { cause: error });
  }
}
