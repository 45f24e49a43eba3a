import { type KeyObject, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { type Digest, hexOf } from '#oci/digest.ts';
import { EMPTY, PAYLOAD_TYPE, part, subjectOf } from './attachments.ts';
import { type TestManifest, aBlob, aManifest } from './images.ts';

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const COSIGN_SIGN = 'https://sigstore.dev/cosign/sign/v1';

/** Somebody who signs: a key on P-256, and its public half as a PEM file holds it. */
export interface TestSigner {
  readonly privateKey: KeyObject;
  readonly publicPem: string;
}

export function aSigner(): TestSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

/** What may be said otherwise than cosign says it. */
export interface Statement {
  readonly digest?: Digest;
  readonly predicateType?: string;
}

/** A signature as cosign 3 makes it: a referrer that holds a sigstore bundle. */
export function bundleFor(image: TestManifest, signer: TestSigner, statement: Statement = {}): TestManifest {
  const { digest = image.digest, predicateType = COSIGN_SIGN } = statement;
  const payload = Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: hexOf(digest) } }],
      predicateType,
      predicate: {},
    }),
  );
  const payloadType = 'application/vnd.in-toto+json';
  const encoding = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ]);
  const bundle = {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: { publicKey: { hint: hintOf(signer) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: sign('sha256', encoding, signer.privateKey).toString('base64'), keyid: '' }],
    },
  };
  const blob = aBlob({ bytes: JSON.stringify(bundle) });
  const manifest = aManifest({
    layers: 0,
    fields: {
      artifactType: BUNDLE_TYPE,
      config: part('application/vnd.oci.empty.v1+json', EMPTY),
      layers: [part(BUNDLE_TYPE, blob)],
      subject: subjectOf(image),
    },
  });
  return { ...manifest, blobs: [EMPTY, blob] };
}

/** A signature as cosign 1 and 2 make it, to be pushed under `sha256-<hex>.sig`. */
export function legacyFor(
  image: TestManifest,
  signer: TestSigner,
  { digest = image.digest, reference = '' }: { digest?: Digest; reference?: string } = {},
): TestManifest {
  const blob = aBlob({
    bytes: JSON.stringify({
      critical: {
        identity: { 'docker-reference': reference },
        image: { 'docker-manifest-digest': digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  });
  const signature = sign('sha256', blob.bytes, signer.privateKey).toString('base64');
  const manifest = aManifest({
    layers: 0,
    fields: {
      config: part('application/vnd.oci.image.config.v1+json', EMPTY),
      layers: [part(PAYLOAD_TYPE, blob, { 'dev.cosignproject.cosign/signature': signature })],
    },
  });
  return { ...manifest, blobs: [EMPTY, blob] };
}

function hintOf({ publicPem }: TestSigner): string {
  const der = Buffer.from(publicPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return createHash('sha256').update(der).digest('base64');
}
