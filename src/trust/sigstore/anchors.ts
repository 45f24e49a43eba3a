import { type KeyObject, type X509Certificate, createPublicKey } from 'node:crypto';
import {
  type CertificateAuthority,
  type PublicKey,
  PublicKeyDetails,
  type TimeRange,
  type TransparencyLogInstance,
  type TrustedRoot,
} from '@sigstore/protobuf-specs';
import { certificateOf } from '../x509/certificate.ts';

/** Milliseconds since the epoch, both ends included; no end: still going. */
export interface Span {
  readonly start: number;
  readonly end: number | undefined;
}

/** A log of certificates or of signatures. */
export interface Log {
  readonly keyId: Buffer;
  /** The first four bytes of the id of the key that signs its checkpoints. C2SP signed-note v1.0.0. */
  readonly keyHint: Buffer;
  readonly key: KeyObject;
  readonly name: string;
  readonly validFor: Span;
}

/** An authority for certificates or time stamps. */
export interface Authority {
  readonly name: string;
  /** Ends with the one that is trusted as it stands. */
  readonly chain: readonly X509Certificate[];
  readonly validFor: Span;
}

/** A trusted root, made ready to be asked. */
export interface Anchors {
  readonly logs: readonly Log[];
  readonly certificateLogs: readonly Log[];
  readonly authorities: readonly Authority[];
  readonly timeStampAuthorities: readonly Authority[];
}

const RSA_PKCS1: ReadonlySet<PublicKeyDetails> = new Set([
  PublicKeyDetails.PKCS1_RSA_PKCS1V5,
  PublicKeyDetails.PKCS1_RSA_PSS,
]);

/** Reading keys and certificates costs more than one check of them, and a root is asked about every signature. */
const READ = new WeakMap<TrustedRoot, Anchors>();

/**
 * The keys and certificates of a trusted root; read once.
 *
 * @throws {Error} one of them cannot be read, in words that say which
 */
export function anchorsOf(root: TrustedRoot): Anchors {
  const known = READ.get(root);
  if (known !== undefined) return known;
  const anchors = {
    logs: named('tlogs', root.tlogs, readLog),
    certificateLogs: named('ctlogs', root.ctlogs, readLog),
    authorities: named('certificateAuthorities', root.certificateAuthorities, readAuthority),
    timeStampAuthorities: named('timestampAuthorities', root.timestampAuthorities, readAuthority),
  };
  READ.set(root, anchors);
  return anchors;
}

/** Whether a moment, milliseconds since the epoch, is in a span. */
export function isWithin({ start, end }: Span, at: number): boolean {
  return start <= at && (end === undefined || at <= end);
}

function named<From, To>(list: string, members: readonly From[], read: (member: From) => To): To[] {
  return members.map((member, index) => {
    try {
      return read(member);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${list}[${index}] cannot be used: ${why}`, { cause: error });
    }
  });
}

function readLog({ baseUrl, publicKey, logId, checkpointKeyId }: TransparencyLogInstance): Log {
  const keyId = logId?.keyId ?? Buffer.alloc(0);
  if (publicKey?.rawBytes === undefined) throw new Error('it has no public key');
  // Shorter ids would let strangers' entries look like its own.
  if (keyId.length < 4) throw new Error('it has no log id');
  return {
    keyId,
    keyHint: (checkpointKeyId?.keyId ?? keyId).subarray(0, 4),
    key: keyOf(publicKey),
    name: baseUrl,
    validFor: spanOf(publicKey.validFor),
  };
}

function keyOf({ rawBytes, keyDetails }: PublicKey): KeyObject {
  const type = RSA_PKCS1.has(keyDetails) ? 'pkcs1' : 'spki';
  return createPublicKey({ key: Buffer.from(rawBytes ?? []), format: 'der', type });
}

function readAuthority({ uri, subject, certChain, validFor }: CertificateAuthority): Authority {
  const chain = (certChain?.certificates ?? []).map(({ rawBytes }) => certificateOf(rawBytes));
  if (chain.length === 0) throw new Error('it has no certificates');
  return { name: uri || (subject?.commonName ?? ''), chain, validFor: spanOf(validFor) };
}

/** Without a start it has always been good, as sigstore's own clients read it. */
function spanOf(range: TimeRange | undefined): Span {
  const start = range?.start?.getTime() ?? 0;
  const end = range?.end?.getTime();
  if (Number.isNaN(start) || Number.isNaN(end)) throw new Error('its validFor is no time');
  return { start, end };
}
