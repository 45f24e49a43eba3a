import { type KeyObject, type KeyPairKeyObjectResult, createHash, sign } from 'node:crypto';
import { dsse } from '@sigstore/core';
import { initializeTSA } from '@sigstore/mock/dist/timestamp/tsa.js';
import {
  type CertificateAuthority,
  HashAlgorithm,
  PublicKeyDetails,
  type TransparencyLogInstance,
  TrustedRoot,
} from '@sigstore/protobuf-specs';
import type { SigstoreRoot } from '#trust/root.ts';
import type { KeylessMaterial, SignedEnvelope } from '#trust/sigstore/material.ts';
import { type AuthorityWishes, type LeafWishes, type TestAuthority, aKeyPair, aTestAuthority } from './authority.ts';
import { type EntryKind, type Recorded, entryBody } from './entry-body.ts';
import { type TestLog, aTestLog } from './log.ts';

const DAY_MS = 24 * 60 * 60_000;
const HASHES: Readonly<Record<string, string>> = { 'P-256': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512' };

/** How something is signed; everything has a sound value that may be replaced. */
export interface SigningWishes extends LeafWishes {
  /** Milliseconds since the epoch: when the certificate is made, the log told and the time stamped. */
  readonly at?: number;
  readonly curve?: 'P-256' | 'P-384' | 'P-521';
  readonly hash?: 'sha256';
  readonly envelope?: SignedEnvelope;
  /** What the logs keep; one entry that fits what is signed unless said otherwise. */
  readonly entries?: readonly EntryKind[];
  /** When the time was stamped, milliseconds since the epoch; `at` unless said otherwise. */
  readonly stampedAt?: readonly number[];
  /** Where else the certificate may come from. */
  readonly authority?: TestAuthority;
}

/** A whole sigstore of one's own: an authority, a certificate log, logs of both versions, a time stamp authority. */
export interface TestSigstore {
  /** A time at which everything in it holds, whole seconds, milliseconds since the epoch. */
  readonly at: number;
  readonly trustedRoot: TrustedRoot;
  readonly root: SigstoreRoot;
  readonly authority: TestAuthority;
  readonly certificateLog: KeyPairKeyObjectResult;
  readonly logs: { readonly first: TestLog; readonly second: TestLog };
  /** Signs those bytes, keyless. */
  sign(signed: Uint8Array, wishes?: SigningWishes): Promise<KeylessMaterial>;
  /** Signs an envelope, as DSSE v1.0.2 encodes it. */
  signEnvelope(envelope: SignedEnvelope, wishes?: SigningWishes): Promise<KeylessMaterial>;
  /** DER of an RFC 3161 response over a signature. */
  stamp(signature: Uint8Array, at: number): Promise<Uint8Array>;
}

/** The root that a changed trusted root makes. */
export function rootOf(trustedRoot: TrustedRoot | undefined, name = 'ci'): SigstoreRoot {
  const version = createHash('sha256')
    .update(JSON.stringify(trustedRoot ?? null))
    .digest('hex');
  const problem = trustedRoot === undefined ? 'it cannot be read' : undefined;
  return { kind: 'sigstore', name, version, problem, trustedRoot };
}

/** The trusted_root.json of a trusted root. */
export function trustedRootFile(trustedRoot: TrustedRoot): Buffer {
  return Buffer.from(JSON.stringify(TrustedRoot.toJSON(trustedRoot)));
}

/** Makes a sigstore nobody else has. */
export async function aTestSigstore(wishes: AuthorityWishes = {}): Promise<TestSigstore> {
  // The mock's authority holds from the moment it is made: everything happens a little later.
  const at = Math.ceil(Date.now() / 1000) * 1000 + 10 * 60_000;
  const authority = await aTestAuthority(at, wishes);
  const certificateLog = aKeyPair();
  const logs = { first: aTestLog(1), second: aTestLog(2) };
  const clock = new Date(at);
  const stamps = await initializeTSA(aKeyPair(), clock);
  const validFor = { start: new Date(at - DAY_MS) };
  const trustedRoot: TrustedRoot = {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [logs.first.instance(validFor), logs.second.instance(validFor)],
    ctlogs: [certificateLogInstance(certificateLog.publicKey, validFor)],
    certificateAuthorities: [authorityInstance(authority.chain, validFor)],
    timestampAuthorities: [
      authorityInstance([bytesOf(stamps.intCertificate), bytesOf(stamps.rootCertificate)], validFor),
    ],
  };
  const stamp = async (signature: Uint8Array, when: number): Promise<Uint8Array> => {
    clock.setTime(when);
    const request = {
      artifactHash: createHash('sha256').update(signature).digest(),
      hashAlgorithmOID: '2.16.840.1.101.3.4.2.1',
      nonce: 1234,
      policyOID: '1.3.6.1.4.1.57264.2',
      certReq: true,
    };
    return bytesOf(await stamps.timestamp(request));
  };
  const parts = { at, authority, certificateLog, logs, stamp };
  return {
    ...parts,
    trustedRoot,
    root: rootOf(trustedRoot),
    sign: async (signed, signing = {}) => await signKeyless(parts, signed, signing),
    signEnvelope: async (envelope, signing = {}) => {
      const signed = dsse.preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload));
      return await signKeyless(parts, signed, {
        ...signing,
        envelope,
      });
    },
  };
}

type Parts = Pick<TestSigstore, 'at' | 'authority' | 'certificateLog' | 'logs' | 'stamp'>;

async function signKeyless(parts: Parts, signed: Uint8Array, wishes: SigningWishes): Promise<KeylessMaterial> {
  const { at = parts.at, curve = 'P-256', envelope } = wishes;
  const keys = aKeyPair(curve);
  const scts = wishes.scts ?? [{ log: parts.certificateLog, at }];
  const certificate = await (wishes.authority ?? parts.authority).issue(keys.publicKey, at, { ...wishes, scts });
  const signature = sign(wishes.hash ?? HASHES[curve], signed, keys.privateKey);
  const recorded = { certificate, signature, signed, envelope };
  const entries = wishes.entries ?? [envelope === undefined ? 'hashedrekord 0.0.1' : 'dsse 0.0.1'];
  return {
    ...recorded,
    logEntries: entries.map((kind) => record(parts.logs, kind, { recorded, at })),
    timeStamps: await Promise.all((wishes.stampedAt ?? [at]).map(async (when) => await parts.stamp(signature, when))),
  };
}

/** Tells the log that keeps entries of this kind. */
export function record(
  logs: TestSigstore['logs'],
  kind: EntryKind,
  { recorded, at }: { recorded: Recorded; at: number },
): KeylessMaterial['logEntries'][number] {
  const [name = '', version = ''] = kind.split(' ');
  const log = kind === 'hashedrekord 0.0.2' ? logs.second : logs.first;
  return log.record({
    kind: name,
    version,
    at,
    body: entryBody(kind, recorded),
  });
}

/** An authority as a trusted root names it. */
export function authorityInstance(
  chain: readonly Uint8Array[],
  validFor: { start: Date; end?: Date },
): CertificateAuthority {
  return {
    subject: { organization: 'gatehouse.test', commonName: 'authority' },
    uri: 'https://authority.test',
    certChain: { certificates: chain.map((bytes) => ({ rawBytes: Buffer.from(bytes) })) },
    validFor: { start: validFor.start, end: validFor.end },
    operator: 'gatehouse.test',
  };
}

/** A certificate log as a trusted root names it. */
export function certificateLogInstance(key: KeyObject, validFor: { start: Date; end?: Date }): TransparencyLogInstance {
  const spki = key.export({ type: 'spki', format: 'der' });
  return {
    baseUrl: 'https://ct.test',
    hashAlgorithm: HashAlgorithm.SHA2_256,
    publicKey: {
      rawBytes: spki,
      keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256,
      validFor: { start: validFor.start, end: validFor.end },
    },
    logId: { keyId: createHash('sha256').update(spki).digest() },
    checkpointKeyId: undefined,
    operator: 'gatehouse.test',
  };
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
