import { type KeyObject, X509Certificate, createHash, createPublicKey } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/protobuf-specs';
import { z } from 'zod';
import { parseStrictJson } from '../strict-json.ts';
import { VerificationError } from '../testimony.ts';
import type { KeylessMaterial } from './material.ts';

/** Entries hold hashes, a signature and a certificate: a few thousand bytes. */
const MAX_BODY_BYTES = 128 * 1024;

const text = z.string().max(MAX_BODY_BYTES);
const hash = z.object({ algorithm: z.enum(['sha256', 'sha384', 'sha512']), value: z.hex() });

/** Rekor v1, pkg/types/hashedrekord/v0.0.1. */
const hashedRekord = z.object({
  kind: z.literal('hashedrekord'),
  apiVersion: z.literal('0.0.1'),
  spec: z.object({
    data: z.object({ hash }),
    signature: z.object({ content: text, publicKey: z.object({ content: text }) }),
  }),
});

/** Rekor v1, pkg/types/dsse/v0.0.1: an envelope with one signature. */
const dsse = z.object({
  kind: z.literal('dsse'),
  apiVersion: z.literal('0.0.1'),
  spec: z.object({ payloadHash: hash, signatures: z.tuple([z.object({ signature: text, verifier: text })]) }),
});

/** Rekor v1, pkg/types/intoto/v0.0.2. */
const intoto = z.object({
  kind: z.literal('intoto'),
  apiVersion: z.literal('0.0.2'),
  spec: z.object({
    content: z.object({
      payloadHash: hash,
      envelope: z.object({ payloadType: text, signatures: z.tuple([z.object({ sig: text, publicKey: text })]) }),
    }),
  }),
});

const rawBytes = z.object({ rawBytes: text });

/** rekor-tiles, api/proto/rekor/v2/hashedrekord.proto and verifier.proto. */
const hashedRekord2 = z.object({
  kind: z.literal('hashedrekord'),
  apiVersion: z.literal('0.0.2'),
  spec: z.object({
    hashedRekordV002: z.object({
      data: z.object({ algorithm: z.enum(['SHA2_256', 'SHA2_384', 'SHA2_512']), digest: text }),
      signature: z.object({
        content: text,
        verifier: z.object({ x509Certificate: rawBytes.optional(), publicKey: rawBytes.optional() }),
      }),
    }),
  }),
});

type Verifier = z.infer<typeof hashedRekord2>['spec']['hashedRekordV002']['signature']['verifier'];

const body = z.union([hashedRekord, dsse, intoto, hashedRekord2]);

/** What an entry is about: each has to be what was verified, else anybody's entry would do (CVE-2022-36056, CVE-2026-22703). */
interface Claim {
  readonly signature: Buffer;
  readonly digest: { readonly algorithm: string; readonly value: Buffer };
  readonly digested: Uint8Array;
  readonly isOfKey: boolean;
}

/**
 * Whether an entry is about this signature, this key and these bytes. Whether it is in a log is not looked at.
 *
 * @throws {VerificationError} integrity: it is about something else, or of a kind that nobody here can compare
 */
export function checkEntryBody(entry: TransparencyLogEntry, leaf: X509Certificate, material: KeylessMaterial): void {
  const parsed = body.safeParse(parseStrictJson(entry.canonicalizedBody, { maxBytes: MAX_BODY_BYTES }));
  if (!parsed.success) throw mismatch('is of a kind that cannot be compared');
  const { kind, apiVersion } = parsed.data;
  const said = entry.kindVersion;
  if (said !== undefined && (said.kind !== kind || said.version !== apiVersion))
    throw mismatch('is not of the kind it says');
  const claim = claimOf(parsed.data, leaf, material);
  if (!claim.signature.equals(material.signature)) throw mismatch('is about another signature');
  if (!claim.isOfKey) throw mismatch('is about another key');
  const digest = createHash(claim.digest.algorithm).update(claim.digested).digest();
  if (!digest.equals(claim.digest.value)) throw mismatch('is about something else that was signed');
}

function mismatch(how: string): VerificationError {
  return new VerificationError('integrity', `an entry of a transparency log ${how}`);
}

function claimOf(entry: z.infer<typeof body>, leaf: X509Certificate, material: KeylessMaterial): Claim {
  if (entry.kind === 'dsse') {
    const [{ signature, verifier }] = entry.spec.signatures;
    return { signature: decode(signature), isOfKey: isKeyOf(verifier, leaf), ...payloadClaim(entry.spec, material) };
  }
  if (entry.kind === 'intoto') {
    const { envelope } = entry.spec.content;
    const [{ sig, publicKey }] = envelope.signatures;
    if (envelope.payloadType !== material.envelope?.payloadType) throw mismatch('is about an envelope of another type');
    // Rekor wrote text where bytes go: it is encoded twice.
    const signature = decode(decode(sig).toString('latin1'));
    return { signature, isOfKey: isKeyOf(publicKey, leaf), ...payloadClaim(entry.spec.content, material) };
  }
  if (entry.apiVersion === '0.0.1') {
    const { data, signature } = entry.spec;
    return {
      signature: decode(signature.content),
      isOfKey: isKeyOf(signature.publicKey.content, leaf),
      digest: { algorithm: data.hash.algorithm, value: Buffer.from(data.hash.value, 'hex') },
      digested: material.signed,
    };
  }
  const { data, signature } = entry.spec.hashedRekordV002;
  return {
    signature: decode(signature.content),
    isOfKey: isVerifierOf(signature.verifier, leaf),
    digest: { algorithm: data.algorithm.replace('SHA2_', 'sha'), value: decode(data.digest) },
    digested: material.signed,
  };
}

/** Entries about envelopes hash the payload alone; the rest of what was signed is in the signature. */
function payloadClaim(
  { payloadHash }: { payloadHash: z.infer<typeof hash> },
  { envelope }: KeylessMaterial,
): Pick<Claim, 'digest' | 'digested'> {
  if (envelope === undefined) throw mismatch('is about an envelope');
  const { algorithm, value } = payloadHash;
  return { digest: { algorithm, value: Buffer.from(value, 'hex') }, digested: envelope.payload };
}

/** Exactly one of the two stands there. */
function isVerifierOf({ x509Certificate, publicKey }: Verifier, leaf: X509Certificate): boolean {
  if (publicKey === undefined) return leaf.raw.equals(decode(x509Certificate?.rawBytes ?? ''));
  return x509Certificate === undefined && spkiOf(leaf.publicKey).equals(decode(publicKey.rawBytes));
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

/** Whether base64 of PEM is the certificate, or its key. */
function isKeyOf(encoded: string, leaf: X509Certificate): boolean {
  const pem = decode(encoded);
  try {
    if (pem.includes('BEGIN CERTIFICATE')) return new X509Certificate(pem).raw.equals(leaf.raw);
    return createPublicKey(pem).equals(leaf.publicKey);
  } catch {
    return false;
  }
}

function decode(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}
