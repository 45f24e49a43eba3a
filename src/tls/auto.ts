import { X509Certificate, randomUUID } from 'node:crypto';
import { recordEvent } from '#metadata/events.ts';
import { type KeyPurpose, type KeyRow, deleteExpiredKeys, findKeys, insertKey } from '#metadata/keys.ts';
import type { Sql } from '#metadata/sql.ts';
import {
  type KeyPair,
  SERVER_LIFETIME_MS,
  issueServerCertificate,
  makeAuthority,
  namesOfCertificate,
} from './authority.ts';
import type { CertificateSource, Credentials, Report } from './source.ts';

/** What this source works with. */
export interface AutoSurroundings {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly report: Report;
}

// A third of its life: a month of failed renewals must pass before clients notice.
const RENEW_BEFORE_MS = SERVER_LIFETIME_MS / 3;
const CHECK_MS = 60 * 60_000;
const SYSTEM = { actor: 'system:tls', address: '', requestId: '' };

/**
 * Certificates of a private authority. Both are kept in the metadata, so that a restart changes nothing and all nodes
 * over one database have one authority; each name list has a server certificate of its own.
 *
 * @param names in canonical form, see {@link serverNames}
 */
export async function openAutoSource(
  surroundings: AutoSurroundings,
  names: readonly string[],
): Promise<CertificateSource> {
  let current = await standing(surroundings, names);
  return {
    current: () => current,
    checkEveryMs: CHECK_MS,
    async check() {
      const found = await standing(surroundings, names);
      if (found.certificate === current.certificate) return false;
      current = found;
      return true;
    },
  };
}

/** The credentials that hold now, made where there are none. */
async function standing(surroundings: AutoSurroundings, names: readonly string[]): Promise<Credentials> {
  const now = surroundings.clock();
  const authority = await keyThatFits(surroundings, {
    purpose: 'certificate-authority',
    now,
    // It must outlive every certificate that it still signs.
    fits: ({ expiresAt }) => expiresAt - now > SERVER_LIFETIME_MS,
    make: () => makeAuthority(now),
  });
  const root = new X509Certificate(authority.certificate);
  const server = await keyThatFits(surroundings, {
    purpose: 'server-certificate',
    now,
    fits: (key) => key.expiresAt - now > RENEW_BEFORE_MS && isIssuedBy(key, root) && hasNames(key, names),
    make: () => issueServerCertificate(authority, names, now),
  });
  return { ...server, authority: authority.certificate };
}

interface Wanted {
  readonly purpose: KeyPurpose;
  readonly now: number;
  readonly fits: (key: KeyPair) => boolean;
  readonly make: () => Promise<KeyPair>;
}

/** Making one is not the database's work, so it is done before the transaction; that decides whose is kept. */
async function keyThatFits({ metadata, report }: AutoSurroundings, wanted: Wanted): Promise<KeyPair> {
  const { purpose, now } = wanted;
  const find = async (database: Sql): Promise<KeyPair | undefined> =>
    (await findKeys(database, purpose, now)).flatMap(pairOf).find(wanted.fits);
  const known = await find(metadata);
  if (known !== undefined) return known;
  const made = await wanted.make();
  const { fingerprint256, subject } = new X509Certificate(made.certificate);
  const detail = { purpose, subject, fingerprint: fingerprint256, expiresAt: new Date(made.expiresAt).toISOString() };
  const kept = await metadata.transaction(async (inside) => {
    const other = await find(inside);
    if (other !== undefined) return other;
    const id = randomUUID();
    await deleteExpiredKeys(inside, purpose, now);
    await insertKey(inside, { id, purpose, ...made, createdAt: now });
    await recordEvent(inside, SYSTEM, { kind: 'key.rotate', reference: id, detail }, now);
    return made;
  });
  if (kept === made) report.info('made a certificate', detail);
  return kept;
}

function pairOf({ privateKey, certificate, expiresAt }: KeyRow): KeyPair[] {
  return certificate === null ? [] : [{ privateKey, certificate, expiresAt }];
}

function isIssuedBy({ certificate }: KeyPair, root: X509Certificate): boolean {
  const leaf = new X509Certificate(certificate);
  return leaf.checkIssued(root) && leaf.verify(root.publicKey);
}

function hasNames({ certificate }: KeyPair, names: readonly string[]): boolean {
  return JSON.stringify(namesOfCertificate(certificate)) === JSON.stringify(names);
}
