import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Digest, hexOf } from '#oci/digest.ts';
import { type Answer, type Call, call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, aManifest, pushImage } from '#test/support/images.ts';
import { type People, as, askToken, bearerOf, challengeIn, openPeople } from '#test/support/people.ts';

const REPOSITORY = 'team-a/app';
const HEADER = 'x-registry-supports-signatures';
const QUIET = { access: { passwords: { failureDelay: '0s' } } };

interface Entry {
  readonly schemaVersion: number;
  readonly name: string;
  readonly type?: string;
  readonly content: string;
}

let gatehouse: Gatehouse;
let people: People;
beforeAll(async () => {
  gatehouse = await startGatehouse({ ...QUIET, trust: { simpleSigning: { extension: true, lookaside: true } } });
  people = await openPeople(gatehouse);
});
afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

const ask = (path: string, more: Partial<Call> = {}): Promise<Answer> =>
  call(gatehouse.url, { method: 'GET', path, ...more });
const pathOf = (digest: string, repository = REPOSITORY): string => `/extensions/v2/${repository}/signatures/${digest}`;
const list = async (digest: string, more?: Partial<Call>): Promise<unknown> => (await ask(pathOf(digest), more)).json;
const put = (digest: string, body: unknown, more: Partial<Call> = {}): Promise<Answer> =>
  ask(pathOf(digest), { method: 'PUT', body: typeof body === 'string' ? body : JSON.stringify(body), ...more });
const lookaside = (digest: Digest, number: number | string, more: Partial<Call> = {}): Promise<Answer> =>
  ask(`/lookaside/${REPOSITORY}@${digest.replace(':', '=')}/signature-${number}`, more);

const aContent = (sizeBytes = 40): string =>
  Buffer.concat([Buffer.from([0xa3]), randomBytes(sizeBytes - 1)]).toString('base64');
const anEntry = (digest: string, changes: Partial<Entry> = {}): Entry => ({
  schemaVersion: 2,
  name: `${digest}@${randomBytes(16).toString('hex')}`,
  type: 'atomic',
  content: aContent(),
  ...changes,
});

describe('the signature extension', () => {
  it('takes signatures and lists them in the order in which they came', async () => {
    const image = aManifest();
    await pushImage(gatehouse.url, REPOSITORY, image, 'v1');
    const [one, two] = [anEntry(image.digest), anEntry(image.digest)];
    const answer = await put(image.digest, one);
    expect([answer.status, answer.text, answer.headers['content-length']]).toEqual([201, '', '0']);
    const { type: _, ...untyped } = two;
    expect((await put(image.digest, untyped)).status).toBe(201);
    const listed = await ask(pathOf(image.digest));
    expect([listed.status, listed.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
    expect(listed.json).toEqual({ signatures: [one, two] });
    expect(await list(image.digest.replace(':', '%3A'))).toEqual({ signatures: [one, two] });
  });

  it.each(['sha256', 'sha512'] as const)('takes a signature before its manifest: %s', async (algorithm) => {
    const { digest } = aManifest({ algorithm });
    expect(await list(digest)).toEqual({ signatures: [] });
    const entry = anEntry(digest, { type: '' });
    expect((await put(digest, entry)).status).toBe(201);
    expect(await list(digest)).toEqual({ signatures: [{ ...entry, type: 'atomic' }] });
  });

  it('has an empty list for what is not signed, and for what is not here', async () => {
    const image = aManifest();
    await pushImage(gatehouse.url, REPOSITORY, image, 'unsigned');
    for (const path of [pathOf(image.digest), pathOf(aBlob().digest), pathOf(image.digest, 'no/where')]) {
      const answer = await ask(path);
      expect([answer.status, answer.text]).toEqual([200, '{"signatures":[]}']);
    }
  });

  it('keeps signatures of one repository out of another', async () => {
    const { digest } = aManifest();
    await put(digest, anEntry(digest));
    expect((await ask(pathOf(digest, 'team-a/other'))).json).toEqual({ signatures: [] });
  });

  const digest = aManifest().digest;
  const named = (name: string): Entry => anEntry(digest, { name });
  const holding = (content: string): Entry => anEntry(digest, { content });
  it.each<[string, unknown]>([
    ['no JSON', 'garbage'],
    ['nothing', ''],
    ['an array', []],
    ['no name', { ...anEntry(digest), name: undefined }],
    ['no content', { ...anEntry(digest), content: undefined }],
    ['another version', anEntry(digest, { schemaVersion: 1 })],
    ['another type', anEntry(digest, { type: 'sigstore' })],
    ['a name without a digest', named('signature-1')],
    ['a name of another digest', named(`${aBlob().digest}@${'0'.repeat(32)}`)],
    ['a short name', named(`${digest}@${'0'.repeat(31)}`)],
    ['a long name', named(`${digest}@${'0'.repeat(33)}`)],
    ['a name in capitals', named(`${digest}@${'A'.repeat(32)}`)],
    ['a name with a path', named(`${digest}@../${'0'.repeat(29)}`)],
    ['no base64', holding('%%%%')],
    ['base64 for URLs', holding(Buffer.from([0xa3, 0xfb, 0xff]).toString('base64url'))],
    ['base64 that goes on', holding(`${aContent()}\n`)],
    ['nothing in it', holding('')],
    ['text', holding(Buffer.from('-----BEGIN PGP MESSAGE-----').toString('base64'))],
    ['a literal packet', holding(Buffer.from([0xcb, 1, 0]).toString('base64'))],
    ['a key', holding(Buffer.from([0x99, 1, 0]).toString('base64'))],
    ['JSON behind a zero', holding(Buffer.from('\0sigstore-json\n{}').toString('base64'))],
  ])('refuses %s', async (_, body) => {
    const answer = await put(digest, body);
    expect([answer.status, codesOf(answer)]).toEqual([400, ['SIGNATURE_INVALID']]);
    expect(await list(digest)).toEqual({ signatures: [] });
  });

  it.each([0x88, 0x89, 0x8a, 0x8b, 0xc2, 0x90, 0x91, 0x92, 0x93, 0xc4, 0xa0, 0xa1, 0xa2, 0xa3, 0xc8])(
    'takes what begins with %i',
    async (first) => {
      const { digest: of } = aBlob();
      const content = Buffer.from([first, 1, 2]).toString('base64');
      expect((await put(of, anEntry(of, { content }))).status).toBe(201);
    },
  );

  it('refuses what is there: by name, and by content', async () => {
    const { digest: of } = aBlob();
    const entry = anEntry(of);
    await put(of, entry);
    for (const again of [entry, { ...entry, content: aContent() }, anEntry(of, { content: entry.content })]) {
      const answer = await put(of, again);
      expect([answer.status, codesOf(answer)]).toEqual([409, ['SIGNATURE_EXISTS']]);
    }
    expect(await list(of)).toEqual({ signatures: [entry] });
    const { digest: other } = aBlob();
    expect((await put(other, anEntry(other, { content: entry.content }))).status).toBe(201);
  });

  it('takes one of many that bring the same at once', async () => {
    const { digest: of } = aBlob();
    const entry = anEntry(of);
    const answers = await Promise.all(Array.from({ length: 8 }, () => put(of, entry)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      201, 409, 409, 409, 409, 409, 409, 409,
    ]);
  });

  it('is bounded: in the length of one, in their number, and in the length of all', async () => {
    const refused = [413, ['SIGNATURE_INVALID']];
    const { digest: long } = aBlob();
    expect((await put(long, anEntry(long, { content: aContent(128 * 1024) }))).status).toBe(201);
    for (const sizeBytes of [128 * 1024 + 1, 4 * 1024 * 1024]) {
      const answer = await put(long, anEntry(long, { content: aContent(sizeBytes) }));
      expect([answer.status, codesOf(answer)]).toEqual(refused);
    }
    const { digest: many } = aBlob();
    for (let count = 0; count < 64; count += 1) expect((await put(many, anEntry(many))).status).toBe(201);
    const oneMore = await put(many, anEntry(many));
    expect([oneMore.status, codesOf(oneMore)]).toEqual(refused);
    const { digest: much } = aBlob();
    const statuses: number[] = [];
    for (let count = 0; count < 24; count += 1) {
      statuses.push((await put(much, anEntry(much, { content: aContent(128 * 1024) }))).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 23 }, () => 201), 413]);
    expect((await ask(pathOf(much))).bytes.length).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it.each([
    ['a digest that is none', () => pathOf('sha256:beef'), 'DIGEST_INVALID'],
    ['a digest in capitals', () => pathOf(`sha256:${'A'.repeat(64)}`), 'DIGEST_INVALID'],
    ['a tag', () => pathOf('latest'), 'DIGEST_INVALID'],
    ['a name that is none', () => pathOf(digest, 'Team/App'), 'NAME_INVALID'],
  ])('says what is wrong with %s', async (_, path, code) => {
    for (const method of ['GET', 'PUT']) {
      const answer = await ask(path(), method === 'GET' ? {} : { method, body: JSON.stringify(anEntry(digest)) });
      expect([method, answer.status, codesOf(answer)]).toEqual([method, 400, [code]]);
    }
  });

  it('is there for those who may: a viewer reads, a signer signs, and tokens are those of the repository', async () => {
    const viewer = await people.robot('viewer', ['registry-viewer team-a/']);
    const signer = await people.robot('signer', ['registry-signer team-a/']);
    const { digest: of } = aBlob();
    const entry = anEntry(of);
    const denied = await put(of, entry, as(viewer));
    expect([denied.status, codesOf(denied)]).toEqual([403, ['DENIED']]);
    const token = bearerOf(await askToken(gatehouse.url, signer, [`repository:${REPOSITORY}:pull,push`]));
    expect((await put(of, entry, as(token))).status).toBe(201);
    const reading = bearerOf(await askToken(gatehouse.url, viewer, [`repository:${REPOSITORY}:pull`]));
    expect(await list(of, as(reading))).toEqual({ signatures: [entry] });
    const stranger = await people.robot('stranger', ['registry-viewer team-b/']);
    expect(await list(of, as(stranger))).toEqual({ signatures: [] });
    const nobody = await ask(pathOf(of), as(undefined));
    expect([nobody.status, challengeIn(nobody).scope]).toEqual([401, `repository:${REPOSITORY}:pull`]);
  });

  it('says who signed what in the audit trail', async () => {
    const signer = await people.robot('auditee', ['registry-signer team-a/']);
    const { digest: of } = aBlob();
    const entry = anEntry(of);
    await put(of, entry, as(signer));
    await put(of, entry, as(signer));
    const { json } = await ask('/api/v1/events?kind=signature.add&actor=robot%2Bauditee');
    expect(json).toMatchObject({
      events: [{ repository: REPOSITORY, digest: of, outcome: 'done', detail: { name: entry.name } }],
    });
    expect(JSON.stringify(json).split('"signature.add"')).toHaveLength(2);
  });

  it.each(['/v2/', '/v2'])('is announced at %s, to those who are in and those who are not', async (path) => {
    for (const who of [{}, as(undefined)]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(path, { method, ...who });
        expect([answer.status, answer.headers[HEADER]]).toEqual([expect.toBeOneOf([200, 401]), '1']);
      }
    }
    expect((await ask('/v2/team-a/app/tags/list')).headers[HEADER]).toBeUndefined();
  });
});

describe('the lookaside store', () => {
  it('counts signatures from 1, and gives them as they are', async () => {
    const { digest } = aBlob();
    const entries = [anEntry(digest), anEntry(digest)];
    for (const entry of entries) await put(digest, entry);
    for (const [index, { content }] of entries.entries()) {
      const answer = await lookaside(digest, index + 1);
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/octet-stream']);
      expect(answer.bytes.toString('base64')).toBe(content);
    }
    for (const number of [0, 3, 64, 65, 1000, '01', '+1', '1.0', '-1', 'x', '1e0']) {
      const answer = await lookaside(digest, number);
      expect([number, answer.status, codesOf(answer)]).toEqual([number, 404, ['SIGNATURE_UNKNOWN']]);
    }
  });

  it('gives sha512 too', async () => {
    const { digest } = aBlob({ algorithm: 'sha512' });
    await put(digest, anEntry(digest));
    expect((await lookaside(digest, 1)).status).toBe(200);
  });

  it('asks nobody who they are: whoever may not read finds nothing', async () => {
    const { digest } = aBlob();
    await put(digest, anEntry(digest));
    const stranger = await people.robot('passer-by', ['registry-viewer team-b/']);
    for (const who of [as(undefined), as(stranger)]) {
      const answer = await lookaside(digest, 1, who);
      expect([answer.status, codesOf(answer), answer.headers['www-authenticate']]).toEqual([
        404,
        ['SIGNATURE_UNKNOWN'],
        undefined,
      ]);
    }
    await people.grant('group', 'system:anonymous', ['registry-viewer team-a/']);
    expect((await lookaside(digest, 1, as(undefined))).status).toBe(200);
    await people.revoke('group', 'system:anonymous', ['registry-viewer team-a/']);
  });

  it.each([
    '/lookaside/Team-A/App@sha256=0/signature-1',
    `/lookaside/team-a/app@md5=${'0'.repeat(32)}/signature-1`,
    `/lookaside/team-a/../app@sha256=${'0'.repeat(64)}/signature-1`,
    `/lookaside/team-a/app@sha256=${'A'.repeat(64)}/signature-1`,
    '/lookaside/team-a/app@sha256=..%2f..%2fetc/signature-1',
    '/lookaside/team-a/app/signature-1',
    '/lookaside/',
  ])('has nothing at %s', async (path) => {
    for (const who of [{}, as(undefined)]) expect((await ask(path, who)).status).toBe(404);
  });
});

describe('without the setting', () => {
  it('there is no header, no extension and no lookaside store', async () => {
    const plain = await startGatehouse(QUIET);
    const { digest } = aBlob();
    const nowhere = await call(plain.url, { method: 'GET', path: '/extensions/nothing/here' });
    const paths = [pathOf(digest), `/lookaside/${REPOSITORY}@sha256=${hexOf(digest)}/signature-1`];
    for (const path of paths) {
      const answer = await call(plain.url, { method: 'GET', path });
      expect([answer.status, codesOf(answer)]).toEqual([nowhere.status, codesOf(nowhere)]);
      expect(answer.status).toBe(404);
    }
    const sent = await call(plain.url, { method: 'PUT', path: pathOf(digest), body: JSON.stringify(anEntry(digest)) });
    expect(sent.status).toBe(404);
    expect((await call(plain.url, { method: 'GET', path: '/v2/' })).headers[HEADER]).toBeUndefined();
    await plain.stop();
  });

  it('one goes without the other', async () => {
    const one = await startGatehouse({ ...QUIET, trust: { simpleSigning: { lookaside: true } } });
    const { digest } = aBlob();
    const statusAt = async (path: string): Promise<[number, string[]]> => {
      const answer = await call(one.url, { method: 'GET', path });
      return [answer.status, codesOf(answer)];
    };
    expect(await statusAt(`/lookaside/${REPOSITORY}@sha256=${hexOf(digest)}/signature-1`)).toEqual([
      404,
      ['SIGNATURE_UNKNOWN'],
    ]);
    expect(await statusAt(pathOf(digest))).toEqual([404, ['UNSUPPORTED']]);
    await one.stop();
  });
});
