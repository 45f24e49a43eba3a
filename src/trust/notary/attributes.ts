import { type ProtectedHeader, malformed, shown } from './envelope.ts';

/** How the moment of signing is known. signing-scheme.md v1.1.0. */
export type Scheme = 'notary.x509' | 'notary.x509.signingAuthority';

/** What a signature says of itself, under its own protection. signature-specification.md v1.1.0, "Signed Attributes". */
export interface Attributes {
  readonly scheme: Scheme;
  /** Milliseconds since the epoch; only the scheme of signing authorities makes that more than a claim. */
  readonly signedAt: number;
  /** Milliseconds since the epoch; undefined when it does not expire. */
  readonly expiresAt: number | undefined;
}

const SCHEME = 'io.cncf.notary.signingScheme';
const SIGNING_TIME = 'io.cncf.notary.signingTime';
const AUTHENTIC_TIME = 'io.cncf.notary.authenticSigningTime';
const EXPIRY = 'io.cncf.notary.expiry';
const PLUGIN = 'io.cncf.notary.verificationPlugin';
const PLUGIN_VERSION = 'io.cncf.notary.verificationPluginMinVersion';

/** @throws {VerificationError} integrity: something is missing, wrong, or has to be understood and is not */
export function readAttributes(header: ProtectedHeader): Attributes {
  const { attributes } = header;
  for (const name of [PLUGIN, PLUGIN_VERSION]) {
    if (!attributes.has(name)) continue;
    throw malformed(
      `the signature asks for the plugin ${shown(attributes.get(PLUGIN))} of notation, which is not here`,
    );
  }
  const scheme = attributes.get(SCHEME);
  if (scheme !== 'notary.x509' && scheme !== 'notary.x509.signingAuthority') {
    throw malformed(`expected a signing scheme of the Notary Project, found ${shown(scheme)}`);
  }
  const isAuthority = scheme === 'notary.x509.signingAuthority';
  const [wanted, unwanted] = isAuthority ? [AUTHENTIC_TIME, SIGNING_TIME] : [SIGNING_TIME, AUTHENTIC_TIME];
  if (attributes.has(unwanted)) throw malformed(`${unwanted} is not for the scheme ${scheme}`);
  const hasExpiry = attributes.has(EXPIRY);
  checkCritical(header.critical, [SCHEME, ...(isAuthority ? [AUTHENTIC_TIME] : []), ...(hasExpiry ? [EXPIRY] : [])]);
  const signedAt = timeOf(header, wanted);
  const expiresAt = hasExpiry ? timeOf(header, EXPIRY) : undefined;
  if (expiresAt !== undefined && expiresAt <= signedAt) throw malformed('the signature expires before it was made');
  return { scheme, signedAt, expiresAt };
}

/** Exactly these: what else is critical is not understood here, and what is not marked could be skipped by others. */
function checkCritical(critical: unknown, wanted: readonly string[]): void {
  if (!Array.isArray(critical)) throw malformed('expected crit, the list of what has to be understood');
  const marked: readonly unknown[] = critical;
  const unknown = marked.find((label) => !wanted.some((one) => one === label));
  if (unknown !== undefined) throw malformed(`crit names ${shown(unknown)}, which is not understood or not there`);
  const missing = wanted.find((label) => !marked.includes(label));
  if (missing !== undefined) throw malformed(`crit does not name ${missing}`);
  if (marked.length !== wanted.length) throw malformed('crit names something twice');
}

function timeOf(header: ProtectedHeader, name: string): number {
  const time = header.time(header.attributes.get(name));
  if (time === undefined) throw malformed(`expected a point in time in ${name}`);
  return time;
}
