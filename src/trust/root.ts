import type { KeyObject, X509Certificate } from 'node:crypto';
import type { TrustedRoot } from '@sigstore/protobuf-specs';
import type { PublicKey as OpenPgpKey } from 'openpgp';

interface Material {
  /** Its name in the configuration. */
  readonly name: string;
  /** Changes with every byte of what it was made of. */
  readonly version: string;
  /** Why it cannot be used; it then vouches for nobody. */
  readonly problem: string | undefined;
}

/** A public key somebody named. */
export interface TrustedKey {
  readonly key: KeyObject;
  /** Hex SHA-256 of the DER of its SubjectPublicKeyInfo. */
  readonly spkiHash: string;
  /** Name of the file it came from, without its folder. */
  readonly file: string;
}

/** Public keys: ECDSA on P-256, P-384 or P-521, RSA of 2048 bits or more, Ed25519. */
export interface KeysRoot extends Material {
  readonly kind: 'keys';
  readonly keys: readonly TrustedKey[];
}

/** Certificate authorities, logs and time stamp authorities of a sigstore instance: one trusted_root.json. */
export interface SigstoreRoot extends Material {
  readonly kind: 'sigstore';
  /** Undefined when there is a problem. */
  readonly trustedRoot: TrustedRoot | undefined;
}

/** A list of revoked certificates, and where it came from. */
export interface RevocationList {
  /** DER. */
  readonly bytes: Uint8Array;
  readonly source: string;
}

/** A trust store of the Notary Project. */
export interface X509Root extends Material {
  readonly kind: 'x509';
  /** `ca` vouches for the scheme notary.x509, `signingAuthority` for notary.x509.signingAuthority. */
  readonly store: 'ca' | 'signingAuthority';
  readonly authorities: readonly X509Certificate[];
  /** Authorities whose time stamps count; without one time stamps are not looked at. */
  readonly timeStampAuthorities: readonly X509Certificate[];
  readonly revocationLists: readonly RevocationList[];
}

/** A ring of OpenPGP keys. */
export interface OpenPgpRoot extends Material {
  readonly kind: 'openpgp';
  readonly keys: readonly OpenPgpKey[];
}

/** Somebody who is trusted to say who made a signature. */
export type Root = KeysRoot | SigstoreRoot | X509Root | OpenPgpRoot;
