import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { anAuthority } from '#test/support/certificates.ts';
import { type RootSources, loadRoots } from '#trust/load-roots.ts';
import { type RootOptions, trustOptions } from '#trust/options.ts';
import type { Root } from '#trust/root.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-roots-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const place = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
};
const load = (roots: Record<string, RootOptions>, sources: RootSources = {}): Promise<Map<string, Root>> =>
  loadRoots({ ...trustOptions.parse({}), roots }, sources);
const loadOne = async (root: RootOptions, sources: RootSources = {}): Promise<Root | undefined> =>
  (await load({ one: root }, sources)).get('one');

const publicPem = (key: ReturnType<typeof generateKeyPairSync>['publicKey']): string =>
  key.export({ type: 'spki', format: 'pem' }).toString();
const ec = (namedCurve: string): string => publicPem(generateKeyPairSync('ec', { namedCurve }).publicKey);
const rsa = (modulusLength: number, publicExponent = 65_537): string =>
  publicPem(generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey);
const pemOf = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;

const P256 = ec('P-256');

describe('a root of keys', () => {
  test.each([
    ['P-256', P256],
    ['P-384', ec('P-384')],
    ['P-521', ec('P-521')],
    ['RSA 2048', rsa(2048)],
    ['Ed25519', publicPem(generateKeyPairSync('ed25519').publicKey)],
  ])('takes %s', async (_, pem) => {
    const file = await place('a.pub', pem);
    const root = await loadOne({ keys: [file] });
    const der = Buffer.from(pem.replaceAll(/-----.*-----|\s/g, ''), 'base64');
    const spkiHash = createHash('sha256').update(der).digest('hex');
    expect(root).toMatchObject({
      kind: 'keys',
      name: 'one',
      problem: undefined,
      keys: [{ spkiHash, file: basename(file) }],
    });
    expect(root?.version).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each<[string, () => string | Uint8Array, string]>([
    ['an empty file', () => '', 'expected PEM of PUBLIC KEY, found none'],
    ['no PEM', () => Buffer.from([1, 2, 3]), 'expected PEM of PUBLIC KEY, found none'],
    ['half a key', () => P256.slice(0, 100), 'expected PEM of PUBLIC KEY, found none'],
    ['a key and half of one', () => P256 + P256.slice(0, 100), 'expected PEM of PUBLIC KEY, found none'],
    ['PEM that is no key', () => pemOf('PUBLIC KEY', Buffer.from('hello')), 'a PUBLIC KEY in it cannot be read'],
    [
      'a private key',
      () => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      'expected PEM of PUBLIC KEY, found PRIVATE KEY',
    ],
    ['a certificate', () => pemOf('CERTIFICATE', Buffer.from('x')), 'expected PEM of PUBLIC KEY, found CERTIFICATE'],
    [
      'a key and a certificate',
      () => P256 + pemOf('CERTIFICATE', Buffer.from('x')),
      'expected PEM of PUBLIC KEY, found CERTIFICATE',
    ],
    [
      'RSA as PKCS#1 has it',
      () =>
        generateKeyPairSync('rsa', { modulusLength: 2048 })
          .publicKey.export({ type: 'pkcs1', format: 'pem' })
          .toString(),
      'expected PEM of PUBLIC KEY, found RSA PUBLIC KEY',
    ],
    ['RSA of 1024 bits', () => rsa(1024), 'expected RSA of 2048 to 16384 bits, found 1024'],
    ['another curve', () => ec('secp256k1'), 'expected a key on P-256, P-384 or P-521, found one on secp256k1'],
    [
      'a key of another kind',
      () => publicPem(generateKeyPairSync('x25519').publicKey),
      'expected a key for ECDSA, RSA or Ed25519, found x25519',
    ],
    [
      'a key that is for PSS only',
      () => publicPem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
      'expected a key for ECDSA, RSA or Ed25519, found rsa-pss',
    ],
    ['an exponent of one', () => exponentOne(), 'expected an odd exponent of 3 or more, found 1'],
    ['more keys than can be kept an eye on', () => P256.repeat(101), 'expected at most 100 keys, found 101'],
  ])('that holds %s vouches for nobody and says why', async (_, content, problem) => {
    const good = await place('good.pub', P256);
    const file = await place('bad.pub', content());
    expect(await loadOne({ keys: [good, file] })).toMatchObject({
      kind: 'keys',
      problem: `${file}: ${problem}`,
      keys: [],
    });
  });

  test('has a key once, however it is written and wherever it is', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const sign = (Buffer.from(y, 'base64url').at(-1) ?? 0) % 2 === 0 ? '02' : '03';
    const head = Buffer.from(`3039301306072a8648ce3d020106082a8648ce3d030107032200${sign}`, 'hex');
    const compressed = pemOf('PUBLIC KEY', Buffer.concat([head, Buffer.from(x, 'base64url')]));
    const keys = [await place('a.pub', publicPem(publicKey) + P256), await place('b.pub', compressed)];
    const der = publicKey.export({ type: 'spki', format: 'der' });
    const root = await loadOne({ keys });
    const hashes = root?.kind === 'keys' ? root.keys.map(({ spkiHash }) => spkiHash) : [];
    expect(hashes).toHaveLength(2);
    expect(hashes[0]).toBe(createHash('sha256').update(der).digest('hex'));
  });
});

/** The DER of an RSA key with the exponent 1, which no tool makes. */
function exponentOne(): string {
  const der = Buffer.from(rsa(2048).replaceAll(/-----.*-----|\s/g, ''), 'base64');
  // 02 03 01 00 01, the exponent, becomes 02 03 00 00 01: not shortest, so the lengths around it stay.
  der.set([0x02, 0x01, 0x01], der.length - 5);
  const shorter = der.subarray(0, der.length - 2);
  for (const [offset, size] of [
    [2, 2],
    [21, 2],
    [26, 2],
  ] as const) {
    shorter.writeUIntBE(shorter.readUIntBE(offset, size) - 2, offset, size);
  }
  return pemOf('PUBLIC KEY', shorter);
}

describe('a file', () => {
  test.each<[string, (path: string) => Promise<unknown>, (path: string) => string]>([
    ['that is not there', async () => undefined, (path) => `there is no file ${path}`],
    ['that is a folder', (path) => mkdir(path), (path) => `${path} is no file`],
    ['that is a pipe without a writer', async (path) => execFileSync('mkfifo', [path]), (path) => `${path} is no file`],
    [
      'that is larger than any root',
      async (path) => {
        await writeFile(path, '');
        await truncate(path, 4 * 1024 * 1024 + 1);
      },
      (path) => `${path} has more than 4194304 bytes`,
    ],
  ])('%s is a problem of every kind of root, in words', async (_, make, words) => {
    const path = join(folder, 'x');
    const ca = await place('ca.pem', (await anAuthority()).certificate);
    await make(path);
    const roots = await load({
      keys: { keys: [path] },
      sigstore: { sigstore: path },
      openpgp: { openpgp: path },
      x509: { x509: [path], store: 'signingAuthority' },
      stamps: { x509: [ca], timeStamps: [path] },
    });
    expect([...roots.values()].map(({ name, kind, problem }) => [name, kind, problem])).toEqual([
      ['keys', 'keys', words(path)],
      ['sigstore', 'sigstore', words(path)],
      ['openpgp', 'openpgp', words(path)],
      ['x509', 'x509', words(path)],
      ['stamps', 'x509', words(path)],
    ]);
    expect(roots.get('x509')).toMatchObject({ store: 'signingAuthority', authorities: [], revocationLists: [] });
  });

  test.each([
    ['sigstore', (path: string) => ({ sigstore: path }), { trustedRoot: undefined }],
    ['openpgp', (path: string) => ({ openpgp: path }), { keys: [] }],
  ])('of nonsense is a problem of a root of %s', async (kind, options, empty) => {
    const path = await place('x', 'nonsense');
    const root = await loadOne(options(path));
    expect(root).toMatchObject({ kind, ...empty });
    expect(root?.problem).toContain(`${path}: `);
  });
});

describe('a root of x509', () => {
  test('has authorities, time stamp authorities and lists', async () => {
    const [first, second, stamps] = await Promise.all([anAuthority(), anAuthority(), anAuthority()]);
    const ca = await place('ca.pem', first.certificate + second.certificate);
    const tsa = await place('tsa.pem', stamps.certificate);
    const asked: string[] = [];
    const revocationList = async (source: string) => {
      asked.push(source);
      return { bytes: Buffer.from(source), source };
    };
    const root = await loadOne(
      { x509: [ca], timeStamps: [tsa], revoked: ['/a.crl', 'http://127.0.0.1:1/b'] },
      { revocationList },
    );
    expect(root).toMatchObject({
      kind: 'x509',
      store: 'ca',
      problem: undefined,
      revocationLists: [{ source: '/a.crl' }, { source: 'http://127.0.0.1:1/b' }],
    });
    expect(asked).toEqual(['/a.crl', 'http://127.0.0.1:1/b']);
    const subjects = root?.kind === 'x509' ? [...root.authorities, ...root.timeStampAuthorities] : [];
    expect(subjects.map((one) => one.toString())).toEqual(
      [first, second, stamps].map(({ certificate }) => certificate),
    );
  });

  test.each<[string, string, string]>([
    ['nothing', '', 'expected PEM of CERTIFICATE, found none'],
    ['a key', P256, 'expected PEM of CERTIFICATE, found PUBLIC KEY'],
    ['PEM that is no certificate', pemOf('CERTIFICATE', Buffer.from('x')), 'a CERTIFICATE in it cannot be read'],
  ])('that holds %s says so', async (_, content, problem) => {
    const file = await place('ca.pem', content);
    expect(await loadOne({ x509: [file] })).toMatchObject({ problem: `${file}: ${problem}`, authorities: [] });
  });

  test('whose list cannot be had vouches for nobody', async () => {
    const file = await place('ca.pem', (await anAuthority()).certificate);
    const revocationList = () => Promise.reject(new Error('expected a list, found a teapot'));
    expect(await loadOne({ x509: [file], revoked: ['/a.crl'] }, { revocationList })).toMatchObject({
      problem: 'expected a list, found a teapot',
      authorities: [],
    });
  });
});

describe('a root that was read before', () => {
  test('stays the same object until something in it changes', async () => {
    const ca = await place('ca.pem', (await anAuthority()).certificate);
    const a = await place('a.pub', P256);
    const b = await place('b.pub', ec('P-384'));
    let list = 'one';
    const revocationList = async (source: string) => ({ bytes: Buffer.from(list), source });
    const options = { keys: { keys: [a, b] }, x509: { x509: [ca], revoked: ['/l'] } };
    const before = await load(options, { revocationList });
    const again = await load(options, { before, revocationList });
    expect(again.get('keys')).toBe(before.get('keys'));
    expect(again.get('x509')).toBe(before.get('x509'));

    await place('b.pub', `${P256}\n`);
    list = 'two';
    const changed = await load(options, { before, revocationList });
    expect(changed.get('keys')?.version).not.toBe(before.get('keys')?.version);
    expect(changed.get('x509')?.version).not.toBe(before.get('x509')?.version);
    expect(changed.get('keys')).toMatchObject({ keys: [{ file: basename(a) }] });
  });

  test('has another version when an end of one file becomes the beginning of the next, or a store another', async () => {
    const ca = await place('ca.pem', (await anAuthority()).certificate);
    const stores: RootOptions[] = [
      { x509: [ca], store: 'ca' },
      { x509: [ca], store: 'signingAuthority' },
      { x509: [ca], timeStamps: [ca] },
    ];
    const versions = await Promise.all(stores.map(async (one) => (await loadOne(one))?.version));
    const [a, b] = [await place('a', P256 + P256), await place('b', P256)];
    versions.push((await loadOne({ keys: [a, b] }))?.version);
    await place('a', P256);
    await place('b', P256 + P256);
    versions.push((await loadOne({ keys: [a, b] }))?.version);
    expect(new Set(versions).size).toBe(5);
  });
});
