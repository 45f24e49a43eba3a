import { type KeyObject, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { type Digest, algorithmOf, hexOf } from '#oci/digest.ts';
import type { Shelf, Subject } from '#trust/format.ts';
import { cosign } from '#trust/formats/cosign.ts';
import type { KeysRoot, Root, TrustedKey } from '#trust/root.ts';
import type { Finding } from '#trust/testimony.ts';
import { type LayerToPut, type MemoryShelf, aShelf, aSubject } from '../shelf.ts';

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const PAYLOAD_LAYER = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const ENVELOPE_LAYER = 'application/vnd.dsse.envelope.v1+json';
export const STATEMENT_TYPE = 'application/vnd.in-toto+json';
export const SIGN_V1 = 'https://sigstore.dev/cosign/sign/v1';
export const SIGNATURE = 'dev.cosignproject.cosign/signature';
/** The moment to judge at; keys do not care. */
export const NOW = Date.UTC(2026, 0, 1);

/** Who signs in tests, and how: the same key always signs in the same way. */
export interface Signer {
  readonly publicKey: KeyObject;
  sign(message: Uint8Array): Buffer;
}

/** A signer with an elliptic curve; the hash is what `openssl dgst` would be told. */
export function anEcSigner(namedCurve: string, hash: string): Signer {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve });
  return { publicKey, sign: (message) => sign(hash, message, privateKey) };
}

export const ALICE = anEcSigner('P-256', 'sha256');
export const MALLORY = anEcSigner('P-256', 'sha256');

export const hashOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');

/** A root of the public keys given by file. */
export function aKeysRoot(name: string, keys: Readonly<Record<string, KeyObject>>): KeysRoot {
  const trusted = Object.entries(keys).map(([file, key]): TrustedKey => ({ file, key, spkiHash: hashOf(key) }));
  return { name, version: '1', problem: undefined, kind: 'keys', keys: trusted };
}

export const ROOTS: readonly Root[] = [aKeysRoot('release', { 'alice.pub': ALICE.publicKey })];

const encode = (content: string | Uint8Array): string => Buffer.from(content).toString('base64');

/** What cosign signs since version 3; `fields` replace or add to the document's own. */
export function aStatement(digest: Digest, fields: object = {}): string {
  return JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { [algorithmOf(digest)]: hexOf(digest) } }],
    predicateType: SIGN_V1,
    predicate: {},
    ...fields,
  });
}

/** An envelope around that text, well signed; `fields` replace or add to the document's own, after it was signed. */
export function anEnvelope(payload: string, signer: Signer, fields: object = {}): object {
  const length = Buffer.byteLength(payload);
  const encoding = `DSSEv1 ${STATEMENT_TYPE.length} ${STATEMENT_TYPE} ${length} ${payload}`;
  return {
    payload: encode(payload),
    payloadType: STATEMENT_TYPE,
    signatures: [{ sig: encode(signer.sign(Buffer.from(encoding))) }],
    ...fields,
  };
}

/** A bundle around an envelope; `fields` replace or add to the document's own. */
export function aBundle(dsseEnvelope: object, fields: object = {}): string {
  return JSON.stringify({
    mediaType: BUNDLE_TYPE,
    verificationMaterial: { publicKey: { hint: 'nobody cares' } },
    dsseEnvelope,
    ...fields,
  });
}

/** What `cosign sign` of version 3 makes of a digest. */
export function aSignatureBundle(digest: Digest, signer: Signer): string {
  return aBundle(anEnvelope(aStatement(digest), signer));
}

/** Attaches a bundle as cosign 3 does; `fields` replace or add to those of the manifest. */
export function attach(
  shelf: MemoryShelf,
  subject: Subject,
  content: string | Uint8Array,
  fields: object = {},
): Digest {
  return shelf.putArtifact({
    subject,
    layers: [{ mediaType: BUNDLE_TYPE, content }],
    fields: { artifactType: BUNDLE_TYPE, ...fields },
  });
}

/** What cosign signed before version 3; `fields` replace or add to the document's own. */
export function aPayload({ digest, repository }: Subject, fields: object = {}): string {
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': `registry.example.com/${repository}` },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: null,
    ...fields,
  });
}

/** A layer of a `.sig` tag: those bytes, well signed. */
export function aPayloadLayer(content: string, signer: Signer, annotations: Record<string, unknown> = {}): LayerToPut {
  const signature = encode(signer.sign(Buffer.from(content)));
  return { mediaType: PAYLOAD_LAYER, content, annotations: { [SIGNATURE]: signature, ...annotations } };
}

export const sigTagOf = ({ digest }: Subject): string => `sha256-${hexOf(digest)}.sig`;
export const attTagOf = ({ digest }: Subject): string => `sha256-${hexOf(digest)}.att`;

/** A shelf with something to sign. */
export function aScene(): { shelf: MemoryShelf; subject: Subject } {
  const shelf = aShelf();
  return { shelf, subject: aSubject(shelf) };
}

/** A finding and where its signature was found. */
export interface Found extends Finding {
  readonly source: string;
  readonly manifest: Digest | undefined;
}

/** Everything that is found about the subject, in the order in which it is. */
export async function findingsOf(shelf: Shelf, subject: Subject, roots: readonly Root[] = ROOTS): Promise<Found[]> {
  const found: Found[] = [];
  for await (const signature of cosign.find(subject, shelf)) {
    const { source, manifest } = signature;
    found.push({ source, manifest, ...(await signature.check(roots, NOW)) });
  }
  return found;
}

/** Who signed, as far as every check that was made passed: `root: signer` of each testimony. */
export function vouchers(findings: readonly Finding[]): string[] {
  return findings
    .flatMap(({ testimonies }) => testimonies)
    .filter(({ checks }) => Object.values(checks).every(({ outcome }) => outcome !== 'fail'))
    .filter(({ checks }) => checks.integrity.outcome === 'pass' && checks.authenticity.outcome === 'pass')
    .map(({ root, signer }) => `${root}: ${signer.name}`);
}

/** The one finding there is. @throws {Error} there are others, or none */
export async function onlyFinding(shelf: Shelf, subject: Subject, roots: readonly Root[] = ROOTS): Promise<Found> {
  const [finding, ...others] = await findingsOf(shelf, subject, roots);
  if (finding === undefined || others.length > 0) throw new Error(`expected 1 finding, found ${others.length + 1}`);
  return finding;
}
