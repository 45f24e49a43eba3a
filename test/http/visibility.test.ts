import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, aManifest, pushBlob, pushImage } from '#test/support/images.ts';
import { type GrantText, type People, accessIn, as, askToken, bearerOf, openPeople } from '#test/support/people.ts';

const HIDDEN = 'hidden/app';

const image = aManifest({ layers: 1 });
const layer = image.blobs[1]?.digest ?? '';
const referrer = aManifest({
  layers: 0,
  fields: {
    artifactType: 'application/vnd.example',
    subject: { mediaType: image.mediaType, digest: image.digest, size: image.bytes.length },
  },
});

let gatehouse: Gatehouse;
let people: People;
let url: string;
beforeAll(async () => {
  gatehouse = await startGatehouse({
    access: { passwords: { failureDelay: '0s' } },
    trust: { simpleSigning: { extension: true, lookaside: true } },
  });
  people = await openPeople(gatehouse);
  url = gatehouse.url;
});
afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const ask = (authorization: string | undefined, { headers, ...sent }: Sent): Promise<Answer> =>
  call(url, { ...sent, anonymous: true, headers: { ...headers, ...as(authorization).headers } });

/** All of an answer but what differs between any two: when it was given, and the number of the request. */
function whole({ status, headers, text }: Answer): object {
  const { date: _, 'x-request-id': __, ...rest } = headers;
  return { status, headers: rest, text };
}

/** Everything there is to ask about a repository. */
function questionsAbout(repository: string): Sent[] {
  const v2 = `/v2/${repository}`;
  const type = { 'content-type': image.mediaType };
  const read = [
    { path: `${v2}/manifests/latest` },
    { path: `${v2}/manifests/${image.digest}` },
    { path: `${v2}/manifests/${image.digest.replace(':', '%3a')}` },
    { path: `${v2}/manifests/${image.digest}`, headers: { 'if-none-match': `"${image.digest}"` } },
    { path: `${v2}/manifests/..` },
    { path: `${v2}/manifests/sha256:beef` },
    { path: `${v2}/blobs/${layer}` },
    { path: `${v2}/blobs/${layer}`, headers: { range: 'bytes=0-1' } },
    { path: `${v2}/blobs/${layer}`, headers: { range: 'bytes=100000-' } },
    { path: `${v2}/blobs/${layer}`, headers: { 'if-none-match': '*' } },
    { path: `${v2}/blobs/${image.digest}` },
    { path: `${v2}/blobs/sha256:beef` },
    { path: `${v2}/tags/list` },
    { path: `${v2}/tags/list?n=1` },
    { path: `${v2}/tags/list?n=0` },
    { path: `${v2}/tags/list?n=x` },
    { path: `${v2}/tags/list?last=latest` },
    { path: `/extensions${v2}/signatures/${image.digest}` },
    { path: `/extensions${v2}/signatures/latest` },
    { path: `/lookaside/${repository}@${image.digest.replace(':', '=')}/signature-1` },
    { path: `${v2}/referrers/${image.digest}` },
    { path: `${v2}/referrers/${image.digest}?n=1` },
    { path: `${v2}/referrers/${image.digest}?artifactType=application/vnd.example` },
    { path: `${v2}/referrers/sha256:beef` },
    { path: `${v2}/blobs/uploads/5f2b1c1e-8a53-4d52-a5f4-0c2f9a1d0001` },
  ];
  const upload = `${v2}/blobs/uploads/5f2b1c1e-8a53-4d52-a5f4-0c2f9a1d0001`;
  return [
    ...read.flatMap((one) => ['GET', 'HEAD'].map((method) => ({ ...one, method }))),
    { method: 'PUT', path: `${v2}/manifests/latest`, headers: type, body: image.bytes },
    { method: 'PUT', path: `${v2}/manifests/latest`, headers: { ...type, 'if-match': '*' }, body: image.bytes },
    { method: 'PUT', path: `${v2}/manifests/${referrer.digest}`, headers: type, body: referrer.bytes },
    { method: 'PUT', path: `${v2}/manifests/latest`, headers: type, body: '{' },
    { method: 'DELETE', path: `${v2}/manifests/latest` },
    { method: 'DELETE', path: `${v2}/manifests/${image.digest}` },
    { method: 'DELETE', path: `${v2}/blobs/${layer}` },
    { method: 'POST', path: `${v2}/blobs/uploads/` },
    { method: 'POST', path: `${v2}/blobs/uploads/?mount=${layer}&from=${repository}` },
    { method: 'POST', path: `${v2}/blobs/uploads/?digest=${layer}`, body: 'x' },
    { method: 'PATCH', path: upload, body: 'abc' },
    { method: 'PUT', path: `${upload}?digest=${layer}`, body: 'abc' },
    { method: 'PUT', path: `${upload}?digest=x` },
    { method: 'DELETE', path: upload },
    { method: 'PUT', path: `${v2}/tags/list` },
    { method: 'OPTIONS', path: `${v2}/manifests/latest` },
    { method: 'GET', path: `${v2}/nothing` },
  ];
}

/** Whoever may not see the repository, with whatever they may come with. */
async function strangers(repository: string): Promise<Map<string, string | undefined>> {
  const grants: Record<string, GrantText[]> = {
    without: [],
    neighbour: [
      'registry-admin hidde/',
      'registry-admin hidden/ap',
      'registry-admin hidden/app/',
      'registry-admin hidden',
    ],
    elsewhere: ['registry-admin open/'],
  };
  const found = new Map<string, string | undefined>([['nobody', undefined]]);
  for (const [name, granted] of Object.entries(grants)) {
    const password = await people.robot(`${name}-${repository.replaceAll('/', '-')}`, granted);
    const token = bearerOf(await askToken(url, password, [`repository:${repository}:*`, 'registry:catalog:*']));
    expect(accessIn(token)).toEqual(['registry:catalog:*']);
    found.set(name, password);
    found.set(`${name}, with a token`, token);
  }
  return found;
}

describe('a repository that one may not see', () => {
  test('answers as it did before there was one, to the byte', async () => {
    const questions = questionsAbout(HIDDEN);
    const askers = await strangers(HIDDEN);
    const answers = async () => {
      const found = new Map<string, object>();
      for (const [name, authorization] of askers) {
        for (const question of questions) {
          const label = `${name}: ${question.method} ${question.path} ${JSON.stringify(question.headers ?? {})}`;
          found.set(label, whole(await ask(authorization, question)));
        }
      }
      return found;
    };
    const before = await answers();
    await pushImage(url, HIDDEN, image, 'latest');
    await pushImage(url, HIDDEN, referrer);
    const signature = { schemaVersion: 2, name: `${image.digest}@${'0'.repeat(32)}`, content: 'o2Y=' };
    const signing = { method: 'PUT', path: `/extensions/v2/${HIDDEN}/signatures/${image.digest}` };
    expect((await call(url, { ...signing, body: JSON.stringify(signature) })).status).toBe(201);
    const after = await answers();
    const different = [...after].filter(
      ([label, answer]) => JSON.stringify(answer) !== JSON.stringify(before.get(label)),
    );
    expect(different).toEqual([]);
    // And they were answers about something: whoever may see it is told other things.
    const seen = await people.robot('insider', [`registry-viewer ${HIDDEN}`]);
    const statuses = await Promise.all(questions.slice(0, 4).map((question) => ask(seen, question)));
    expect(statuses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  test('has uploads that answer as one that was never begun', async () => {
    const begun = await call(url, { method: 'POST', path: `/v2/${HIDDEN}/blobs/uploads/` });
    const id = String(begun.headers['docker-upload-uuid']);
    const other = '5f2b1c1e-8a53-4d52-a5f4-0c2f9a1d0002';
    const askers = await strangers('hidden/other');
    const digest = aBlob({ bytes: 'abc' }).digest;
    for (const [name, authorization] of askers) {
      for (const method of ['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE']) {
        const question = (upload: string): Sent => ({
          method,
          path: `/v2/${HIDDEN}/blobs/uploads/${upload}${method === 'PUT' ? `?digest=${digest}` : ''}`,
          ...(method.startsWith('P') ? { body: 'abc' } : {}),
        });
        const real = JSON.stringify(whole(await ask(authorization, question(id))));
        expect([name, method, real.replaceAll(id, other)]).toEqual([
          name,
          method,
          JSON.stringify(whole(await ask(authorization, question(other)))),
        ]);
      }
    }
    const status = await call(url, { method: 'GET', path: begun.headers.location ?? '' });
    expect([status.status, status.headers.range]).toEqual([204, '0-0']);
  });

  test('keeps what it has through every attempt to delete it', async () => {
    await pushImage(url, HIDDEN, image, 'latest');
    for (const path of [`manifests/latest`, `manifests/${image.digest}`, `blobs/${layer}`]) {
      expect((await call(url, { method: 'HEAD', path: `/v2/${HIDDEN}/${path}` })).status).toBe(200);
    }
  });
});

describe('a repository one may read', () => {
  test('says so when more is asked, and changes nothing', async () => {
    await pushImage(url, 'read/app', image, 'latest');
    const reader = await people.robot('reader', ['registry-viewer read/']);
    const refused = [
      { method: 'DELETE', path: '/v2/read/app/manifests/latest' },
      { method: 'DELETE', path: `/v2/read/app/manifests/${image.digest}` },
      { method: 'DELETE', path: `/v2/read/app/blobs/${layer}` },
      { method: 'POST', path: '/v2/read/app/blobs/uploads/' },
      { method: 'POST', path: `/v2/read/app/blobs/uploads/?mount=${layer}&from=read/app` },
      {
        method: 'PUT',
        path: '/v2/read/app/manifests/x',
        headers: { 'content-type': image.mediaType },
        body: image.bytes,
      },
    ];
    for (const question of refused) {
      const answer = await ask(reader, question);
      expect([answer.status, codesOf(answer)]).toEqual([403, ['DENIED']]);
    }
    expect((await ask(reader, { method: 'GET', path: '/v2/read/app/tags/list' })).json).toEqual({
      name: 'read/app',
      tags: ['latest'],
    });
  });
});

/** A mount with what is different every time taken out. */
function mounted(answer: Answer): object {
  const id = String(answer.headers['docker-upload-uuid']);
  return JSON.parse(JSON.stringify(whole(answer)).replaceAll(id, 'id'));
}

describe('a mount', () => {
  const secret = aBlob();
  const shared = aBlob();
  const mount = (authorization: string | undefined, repository: string, query: string): Promise<Answer> =>
    ask(authorization, { method: 'POST', path: `/v2/${repository}/blobs/uploads/?${query}` });

  beforeAll(async () => {
    await pushBlob(url, 'vault/app', secret);
    await pushBlob(url, 'shelf/app', shared);
  });

  test('from a hidden repository is as one from a repository without the blob, or from none', async () => {
    const pusher = await people.robot('mounter', ['registry-editor mine/', 'registry-viewer shelf/']);
    const token = bearerOf(
      await askToken(url, pusher, [
        'repository:mine/app:pull,push',
        'repository:vault/app:pull',
        'repository:shelf/app:pull',
      ]),
    );
    for (const authorization of [pusher, token]) {
      const from = ['from=vault/app', 'from=shelf/app', 'from=nobody/knows', 'from=vault', ''];
      const [hidden, ...others] = await Promise.all(
        from.map(async (source) => mounted(await mount(authorization, 'mine/app', `mount=${secret.digest}&${source}`))),
      );
      expect(hidden).toMatchObject({ status: 202, text: '' });
      for (const other of others) expect(other).toEqual(hidden);
    }
    expect((await call(url, { method: 'HEAD', path: `/v2/mine/app/blobs/${secret.digest}` })).status).toBe(404);
    expect((await mount(token, 'mine/app', `mount=${shared.digest}&from=shelf/app`)).status).toBe(201);
    expect((await mount(pusher, 'mine/second', `mount=${shared.digest}`)).status).toBe(201);
  });

  test('takes nothing from where the token is not for, though its holder may read there', async () => {
    const pusher = await people.robot('narrow', [
      'registry-editor narrow/',
      'registry-viewer shelf/',
      'registry-admin vault/',
    ]);
    for (const scopes of [
      ['repository:narrow/app:pull,push'],
      ['repository:narrow/app:push', 'repository:shelf/app:push'],
    ]) {
      const token = bearerOf(await askToken(url, pusher, scopes));
      for (const [digest, query] of [
        [shared.digest, ''],
        [secret.digest, ''],
      ]) {
        const answer = await mount(token, 'narrow/app', `mount=${digest}${query}`);
        expect([scopes, query, answer.status]).toEqual([scopes, query, 202]);
      }
      // Told which token would do, whether or not the blob, or the repository, is there.
      for (const digest of [shared.digest, secret.digest]) {
        for (const source of ['shelf/app', 'vault/app', 'shelf/never']) {
          const answer = await mount(token, 'narrow/app', `mount=${digest}&from=${source}`);
          expect([scopes, source, answer.status]).toEqual([scopes, source, 401]);
        }
      }
    }
    for (const { digest } of [shared, secret]) {
      expect((await call(url, { method: 'HEAD', path: `/v2/narrow/app/blobs/${digest}` })).status).toBe(404);
    }
  });

  test('into a hidden repository is refused, and takes nothing', async () => {
    const reader = await people.robot('shelf-reader', ['registry-viewer shelf/']);
    const answer = await mount(reader, 'vault/app', `mount=${shared.digest}&from=shelf/app`);
    expect([answer.status, codesOf(answer)]).toEqual([403, ['DENIED']]);
    expect((await call(url, { method: 'HEAD', path: `/v2/vault/app/blobs/${shared.digest}` })).status).toBe(404);
  });
});

describe('an upload', () => {
  test('goes on only in the repository where it was begun', async () => {
    const begun = await call(url, { method: 'POST', path: '/v2/victim/app/blobs/uploads/' });
    const id = String(begun.headers['docker-upload-uuid']);
    await call(url, { method: 'PATCH', path: begun.headers.location ?? '', body: 'secret' });
    const thief = await people.robot('thief', ['registry-admin thief/']);
    const { digest } = aBlob({ bytes: 'secret' });
    const upload = `/v2/thief/app/blobs/uploads/${id}`;
    for (const question of [
      { method: 'GET', path: upload },
      { method: 'PATCH', path: upload, body: 'x' },
      { method: 'PUT', path: `${upload}?digest=${digest}` },
      { method: 'DELETE', path: upload },
    ]) {
      const answer = await ask(thief, question);
      expect([question.method, answer.status, codesOf(answer)]).toEqual([
        question.method,
        404,
        ['BLOB_UPLOAD_UNKNOWN'],
      ]);
    }
    const finish = { method: 'PUT', path: `${begun.headers.location ?? ''}?digest=${digest}` };
    expect((await call(url, finish)).status).toBe(201);
    expect((await ask(thief, { method: 'GET', path: `/v2/thief/app/blobs/${digest}` })).status).toBe(404);
  });

  test('does not give content away for its digest', async () => {
    const secret = aBlob();
    await pushBlob(url, 'vault/app', secret);
    const thief = await people.robot('guesser', ['registry-admin guess/']);
    const path = `/v2/guess/app/blobs/uploads/?digest=${secret.digest}`;
    expect((await ask(thief, { method: 'POST', path, body: 'not it' })).status).toBe(400);
    expect((await ask(thief, { method: 'POST', path })).status).toBe(400);
    expect((await ask(thief, { method: 'GET', path: `/v2/guess/app/blobs/${secret.digest}` })).status).toBe(404);
  });

  test('does not give content away to a manifest that names it', async () => {
    const target = aManifest({ layers: 1 });
    await pushImage(url, 'vault/app', target);
    const thief = await people.robot('namer', ['registry-admin namer/']);
    const headers = { 'content-type': target.mediaType };
    const path = `/v2/namer/app/manifests/${target.digest}`;
    const answer = await ask(thief, { method: 'PUT', path, headers, body: target.bytes });
    expect([answer.status, new Set(codesOf(answer))]).toEqual([404, new Set(['MANIFEST_BLOB_UNKNOWN'])]);
  });
});
