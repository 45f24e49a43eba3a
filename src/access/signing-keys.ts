import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPair, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { JWK } from 'jose';
import { type NewEvent, type Origin, recordEvent } from '#metadata/events.ts';
import { type KeyRow, deleteExpiredKeys, deleteKeys, findKey, findKeys, insertKey } from '#metadata/keys.ts';
import type { Sql } from '#metadata/sql.ts';

/** A key that signs tokens. */
export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
}

/** The keys that sign tokens: in the database, so that what one node signed every node believes. */
export interface SigningKeys {
  /** The key to sign with now, made when there is none that lives long enough. */
  current(): Promise<SigningKey>;
  /** The public half of a key that is still believed. */
  find(id: string): Promise<KeyObject | undefined>;
  /** The public halves of all keys that are still believed. RFC 7517. */
  published(): Promise<{ keys: JWK[] }>;
  /** Makes a new key to sign with. `revoke`: what the old ones signed is believed no longer, from now on, on every node. */
  rotate(origin: Origin, revoke: boolean): Promise<string>;
  /** Makes a new key if the newest is old enough, and forgets the expired; says in a few words what it did. */
  maintain(): Promise<string>;
}

export interface SigningKeysContext {
  readonly metadata: Sql;
  readonly clock: () => number;
  /** Age at which a key is followed by another. */
  readonly rotateEveryMs: number;
  /** Longest life of what it signs. */
  readonly tokenLifetimeMs: number;
}

export const ALGORITHM = 'ES256';
const KEYS_JOB: Origin = { actor: 'system:keys', address: '', requestId: '' };
const generate = promisify(generateKeyPair);

export function openSigningKeys({ metadata, clock, rotateEveryMs, tokenLifetimeMs }: SigningKeysContext): SigningKeys {
  const parsed = new Map<string, { privateKey: KeyObject; publicKey: KeyObject }>();
  const parse = (row: KeyRow): { privateKey: KeyObject; publicKey: KeyObject } => {
    const known = parsed.get(row.id);
    if (known !== undefined) return known;
    const privateKey = createPrivateKey(row.privateKey);
    const pair = { privateKey, publicKey: createPublicKey(privateKey) };
    parsed.set(row.id, pair);
    return pair;
  };
  // Asked of the database each time, which answers from memory: a key that another process made or took back counts at once.
  const believed = (): Promise<KeyRow[]> => findKeys(metadata, 'token', clock());

  /** A key signs for `rotateEvery`, and is believed for as long again, however late its successor comes. */
  const make = async (): Promise<KeyRow> => {
    const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
    return {
      id: randomBytes(12).toString('base64url'),
      purpose: 'token',
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      certificate: null,
      createdAt: clock(),
      expiresAt: clock() + 2 * rotateEveryMs + tokenLifetimeMs,
    };
  };

  /** Another process may have made one meanwhile: then that one is it. */
  const makeUnless = async (isFresh: (newest: KeyRow) => boolean, origin: Origin): Promise<KeyRow> => {
    const made = await make();
    return await metadata.transaction(async (inside) => {
      const [newest] = await findKeys(inside, 'token', clock());
      if (newest !== undefined && isFresh(newest)) return newest;
      await insertKey(inside, made);
      await recordEvent(inside, origin, rotation(made.id), clock());
      return made;
    });
  };

  return {
    async current() {
      const [newest] = await believed();
      const lastsLongEnough = (key: KeyRow): boolean => key.expiresAt > clock() + tokenLifetimeMs;
      const row =
        newest !== undefined && lastsLongEnough(newest) ? newest : await makeUnless(lastsLongEnough, KEYS_JOB);
      return { id: row.id, privateKey: parse(row).privateKey };
    },

    async find(id) {
      const row = await findKey(metadata, id);
      if (row === undefined || row.purpose !== 'token' || row.expiresAt <= clock()) return undefined;
      return parse(row).publicKey;
    },

    async published() {
      const rows = await believed();
      return {
        keys: rows.map((row) => ({ ...publicJwk(parse(row).publicKey), kid: row.id, alg: ALGORITHM, use: 'sig' })),
      };
    },

    async rotate(origin, revoke) {
      const made = await make();
      await metadata.transaction(async (inside) => {
        if (revoke) await deleteKeys(inside, 'token');
        await insertKey(inside, made);
        await recordEvent(inside, origin, { ...rotation(made.id), detail: { revoked: revoke } }, clock());
      });
      return made.id;
    },

    async maintain() {
      const isYoung = (key: KeyRow): boolean => key.createdAt > clock() - rotateEveryMs;
      const [before] = await believed();
      const newest = before !== undefined && isYoung(before) ? before : await makeUnless(isYoung, KEYS_JOB);
      const forgotten = await metadata.transaction((inside) => deleteExpiredKeys(inside, 'token', clock()));
      for (const id of parsed.keys()) if (id !== newest.id) parsed.delete(id);
      return `${newest.id === before?.id ? 'no key' : 'one key'} made, ${forgotten} forgotten`;
    },
  };
}

function rotation(id: string): NewEvent {
  return { kind: 'key.rotate', reference: id, detail: { purpose: 'token' } };
}

function publicJwk(key: KeyObject): JWK {
  const { kty = 'EC', crv = 'P-256', x = '', y = '' } = key.export({ format: 'jwk' });
  return { kty, crv, x, y };
}
