import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { SignJWT, UnsecuredJWT, exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Identity, stampOf } from '#access/accounts.ts';
import { openUsers } from '#access/users.ts';
import { type KeyRow, findKeys, insertKey } from '#metadata/keys.ts';
import { findPasswordHash } from '#metadata/users.ts';
import { type Door, openDoor } from './door.ts';
import { type TemporaryMetadata, temporaryMetadata } from './metadata.ts';

const PASSWORD = 'correct horse battery staple';
const SERVICE = 'registry.example.org';
const TYPE = 'gatehouse-access+jwt';
// Long ago, so that a look at another clock than the one given shows.
const NOW = Date.UTC(2020, 0, 1);

let database: TemporaryMetadata;
const now = NOW;
let door: Door;
let alice: Identity;
let key: KeyRow;
let good: string;
beforeAll(async () => {
  database = await temporaryMetadata();
  const { metadata } = database;
  await openUsers({ metadata, clock: () => 1 }).create('alice', PASSWORD);
  alice = {
    principal: { name: 'alice', kind: 'user' },
    stamp: stampOf((await findPasswordHash(metadata, 'alice')) ?? ''),
    groups: [],
  };
  door = openDoor(metadata, { clock: () => now });
  good = (await door.tokens.issue(alice, [])).token;
  const [newest] = await findKeys(metadata, 'token', now);
  if (newest === undefined) throw new Error('expected a key');
  key = newest;
});
afterAll(async () => await database[Symbol.asyncDispose]());

const visit = (token: string): Promise<string | undefined> => door.nameOf(`Bearer ${token}`);
const seconds = (): number => Math.floor(now / 1000);

/** The claims of a good token, as this test understands them. */
function claims(): Record<string, unknown> {
  return {
    iss: SERVICE,
    aud: SERVICE,
    sub: 'alice',
    iat: seconds(),
    exp: seconds() + 60,
    jti: 'one',
    kind: 'user',
    stamp: alice.stamp,
    access: [],
  };
}

/** A token signed by our own key, with other claims and another header than it should have. */
async function forged(change: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
  return await new SignJWT({ ...claims(), ...change })
    .setProtectedHeader({ alg: 'ES256', kid: key.id, typ: TYPE, ...header })
    .sign(createPrivateKey(key.privateKey), { crit: { 'x-odd': true } });
}

/** A token whose parts are written out, signed by `sign`. */
function assembled(header: unknown, payload: unknown, sign: (input: string) => Buffer): string {
  const part = (value: unknown): string =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${sign(input).toString('base64url')}`;
}

function ownSignature(): (input: string) => Buffer {
  const privateKey = createPrivateKey(key.privateKey);
  return (input) => sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
}

describe('a token', () => {
  test('of ours lets its holder in, and so does one that this test puts together', async () => {
    expect(await visit(good)).toBe('alice');
    expect(await visit(await forged())).toBe('alice');
    const header = { alg: 'ES256', kid: key.id, typ: TYPE };
    expect(await visit(assembled(header, claims(), ownSignature()))).toBe('alice');
  });

  test.each([0, 1, 2])('with any bit of its part %i changed lets nobody in', async (part) => {
    const parts = good.split('.');
    const text = parts[part] ?? '';
    // The last letter of a signature holds four bits that stand for nothing.
    const places = text.length - (part === 2 ? 1 : 0);
    const step = Math.max(1, Math.floor(places / 40));
    for (let place = 0; place < places; place += step) {
      const bytes = Buffer.from(text);
      for (const letter of ['A', 'z', '9', '_']) {
        if (text[place] === letter) continue;
        bytes[place] = letter.charCodeAt(0);
        const changed = parts.with(part, bytes.toString()).join('.');
        expect([place, letter, await visit(changed)]).toEqual([place, letter, undefined]);
      }
    }
  });

  test('cut short, or with a part too many or too few, lets nobody in', async () => {
    const [head = '', body = '', signature = ''] = good.split('.');
    const parts = [
      [head, body],
      [head, body, ''],
      [head, '', signature],
      ['', body, signature],
      [head, body, signature, signature],
      [head, body, signature, '', ''],
      [body, head, signature],
      [head, body, signature.slice(0, -2)],
      [head, body, `${signature}AA`],
      [head, body, Buffer.alloc(64).toString('base64url')],
      [`${head}.${body}.${signature}~`],
    ];
    for (const one of parts) expect([one, await visit(one.join('.'))]).toEqual([one, undefined]);
  });
});

describe('a token with another claim', () => {
  test.each<[string, Record<string, unknown>]>([
    ['of another issuer', { iss: 'other.example.org' }],
    ['of several issuers', { iss: [SERVICE] }],
    ['of no issuer', { iss: undefined }],
    ['for somebody else', { aud: 'other.example.org' }],
    ['for nobody', { aud: undefined }],
    ['for an empty list', { aud: [] }],
    ['for ours in another case', { aud: SERVICE.toUpperCase() }],
    ['that has ended', { exp: Math.floor(NOW / 1000) }],
    ['that ended long ago', { exp: 1 }],
    ['that never ends', { exp: undefined }],
    ['that ends in words', { exp: '9999999999' }],
    ['that ends at no number', { exp: null }],
    ['that is not good yet', { nbf: Math.floor(NOW / 1000) + 600 }],
    ['of no subject', { sub: undefined }],
    ['of a subject that is a list', { sub: ['alice'] }],
    ['of a number', { sub: 1 }],
    ['without an identifier', { jti: undefined }],
    ['without a time of issue', { iat: undefined }],
    ['of the server itself', { kind: 'local' }],
    ['of no kind', { kind: undefined }],
    ['of an odd kind', { kind: 'admin' }],
    ['of a user taken for a robot', { kind: 'robot' }],
    ['without a stamp', { stamp: undefined }],
    ['with an empty stamp', { stamp: '' }],
    ['with a stamp that is a list', { stamp: [] }],
    ['with groups that are a text', { groups: 'admins' }],
    ['with groups that are numbers', { groups: [1] }],
    ['without access', { access: undefined }],
    ['with access that is a text', { access: 'repository:*:*' }],
    ['with access of odd actions', { access: [{ type: 'repository', name: 'a', actions: 'pull' }] }],
    ['with access that is null', { access: [null] }],
    ['of a user that is not there', { sub: 'bob' }],
  ])('%s lets nobody in', async (_, change) => {
    expect(await visit(await forged(change))).toBeUndefined();
  });

  test('of a node whose clock is ahead is good all the same', async () => {
    expect(await visit(await forged({ iat: seconds() + 5 }))).toBe('alice');
  });

  test('twice is what the last one says, as with every reader of JSON, and no exception', async () => {
    const text = JSON.stringify(claims());
    const twice = text.replace('{', '{"sub":"bob",');
    const header = { alg: 'ES256', kid: key.id, typ: TYPE };
    expect(await visit(assembled(header, twice, ownSignature()))).toBe('alice');
    expect(await visit(assembled(header, text.replace(/\}$/, ',"sub":"bob"}'), ownSignature()))).toBeUndefined();
  });

  test.each(['', 'null', '[]', '1', '"x"', '{', '{}', '\u0000'])(
    'whose claims are %j lets nobody in',
    async (payload) => {
      const header = { alg: 'ES256', kid: key.id, typ: TYPE };
      expect(await visit(assembled(header, payload, ownSignature()))).toBeUndefined();
    },
  );
});

describe('a token with another header', () => {
  test.each<[string, Record<string, unknown>]>([
    ['without a type', { typ: undefined }],
    ['of the usual type', { typ: 'JWT' }],
    ['of the type of RFC 9068', { typ: 'at+jwt' }],
    ['of an id token', { typ: 'gatehouse-id+jwt' }],
    ['of a refresh token', { typ: 'gatehouse-refresh+jwt' }],
    ['of a type that is a list', { typ: [TYPE] }],
    ['without a key', { kid: undefined }],
    ['of no key', { kid: '' }],
    ['of an unknown key', { kid: 'AAAAAAAAAAAAAAAA' }],
    ['of a key in a file', { kid: '../../../../dev/null' }],
    ['of a key by SQL', { kid: "' or '1'='1" }],
    ['of a key with a wildcard', { kid: '%' }],
    ['of a key that is a number', { kid: 1 }],
    ['of a key that is null', { kid: null }],
    ['of a key that is true', { kid: true }],
    ['of a key that is a list', { kid: ['a', 'b'] }],
    ['of a key that is an empty list', { kid: [] }],
    ['of a key that is an object', { kid: { id: 'a' } }],
    ['that has to be understood', { crit: ['x-odd'], 'x-odd': 1 }],
    ['that has odd things to be understood', { crit: 'typ' }],
    ['whose body is not encoded', { crit: ['b64'], b64: false }],
  ])('%s lets nobody in', async (_, change) => {
    const header = { alg: 'ES256', kid: key.id, typ: TYPE, ...change };
    expect(await visit(assembled(header, claims(), ownSignature()))).toBeUndefined();
  });

  test.each(['', 'null', '[]', '{', '"ES256"', '{"alg":"ES256"}', '{"alg":null}', '{"alg":["ES256"]}'])(
    'that is %j lets nobody in',
    async (header) => {
      expect(await visit(assembled(header, claims(), ownSignature()))).toBeUndefined();
    },
  );

  test('that names our key in a list lets nobody in', async () => {
    const header = { alg: 'ES256', kid: [key.id], typ: TYPE };
    expect(await visit(assembled(header, claims(), ownSignature()))).toBeUndefined();
  });
});

describe('a token by another algorithm', () => {
  test.each(['none', 'None', 'NONE', 'nOnE'])('%s lets nobody in', async (alg) => {
    const header = { alg, kid: key.id, typ: TYPE };
    expect(await visit(assembled(header, claims(), () => Buffer.alloc(0)))).toBeUndefined();
    expect(await visit(assembled(header, claims(), ownSignature()))).toBeUndefined();
  });

  test('none, as jose writes it, lets nobody in', async () => {
    expect(await visit(new UnsecuredJWT(claims()).encode())).toBeUndefined();
  });

  test('keyed with what everybody knows of our key lets nobody in', async () => {
    const publicKey = createPublicKey(key.privateKey);
    const known = [
      publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      publicKey.export({ type: 'spki', format: 'pem' }).toString().trim(),
      publicKey.export({ type: 'spki', format: 'der' }),
      JSON.stringify(publicKey.export({ format: 'jwk' })),
      '',
    ];
    for (const [bits, secret] of [256, 384, 512].flatMap((size) => known.map((one) => [size, one] as const))) {
      const hmac = (input: string): Buffer => createHmac(`sha${bits}`, secret).update(input).digest();
      expect(await visit(assembled({ alg: `HS${bits}`, kid: key.id, typ: TYPE }, claims(), hmac))).toBeUndefined();
    }
  });

  test.each<[string, () => ReturnType<typeof generateKeyPairSync>]>([
    ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['ES512', () => generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['PS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['EdDSA', () => generateKeyPairSync('ed25519')],
  ])('%s, by a key of the sender, lets nobody in, however the key is sent along', async (alg, generate) => {
    const { privateKey, publicKey } = generate();
    const jwk = await exportJWK(publicKey);
    const headers = [
      { kid: key.id },
      {},
      { kid: 'mine', jwk: { ...jwk, kid: 'mine' } },
      { kid: key.id, jwk: { ...jwk, kid: key.id } },
      { jwk },
      { kid: key.id, jku: 'http://127.0.0.1:9/jwks.json' },
      { kid: key.id, x5u: 'http://127.0.0.1:9/cert.pem' },
      { kid: key.id, x5c: [publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] },
    ];
    for (const header of headers) {
      const token = await new SignJWT(claims()).setProtectedHeader({ alg, typ: TYPE, ...header }).sign(privateKey);
      expect([header, await visit(token)]).toEqual([header, undefined]);
    }
  });

  test('by a key of ours that is for something else lets nobody in', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const row: KeyRow = { ...key, id: 'authority', purpose: 'certificate-authority', privateKey: pem };
    await database.metadata.transaction((inside) => insertKey(inside, row));
    const token = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'ES256', typ: TYPE, kid: 'authority' })
      .sign(privateKey);
    expect(await visit(token)).toBeUndefined();
  });
});

describe('a token of a size', () => {
  test('beyond every header lets nobody in, and costs little', async () => {
    // Backtracking would take longer than any test may.
    for (const text of [
      '.'.repeat(16_000),
      'A'.repeat(100_000),
      `${good}${'A'.repeat(1_000_000)}`,
      `${'.'.repeat(1e6)}`,
    ]) {
      expect(await visit(text)).toBeUndefined();
    }
    const deep = `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`;
    const header = { alg: 'ES256', kid: key.id, typ: TYPE };
    expect(await visit(assembled(header, deep, ownSignature()))).toBeUndefined();
  });
});
