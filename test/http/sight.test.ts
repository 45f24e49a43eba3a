import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '#oci/digest.ts';
import type { Answer, Call } from '#test/support/client.ts';
import {
  GUARDED,
  type Looker,
  type Scene,
  THINGS,
  type Thing,
  VOID,
  ask,
  lookers,
  openScene,
  whole,
} from './sight-scene.ts';

let scene: Scene;
let everybody: ReadonlyMap<string, Looker>;
beforeAll(async () => {
  scene = await openScene();
  everybody = await lookers(scene);
});
afterAll(() => scene[Symbol.asyncDispose]());

/** A way to ask for a thing. */
type Question = Pick<Call, 'method'> & { readonly headers: Readonly<Record<string, string>> };

function questionsAbout({ path, insider }: Thing): Question[] {
  const conditions = [{}, { 'if-none-match': '*' }, { 'if-none-match': `"${insider}"` }];
  const ranges = [{ range: 'bytes=1-2' }, { range: 'bytes=0-0,2-3' }, { range: 'bytes=100000-' }];
  const headers: Record<string, string>[] = [...conditions, ...(path.startsWith('blobs/') ? ranges : [])];
  return headers.flatMap((one) => ['GET', 'HEAD'].map((method) => ({ method, headers: one })));
}

/** The status that shows a thing which is there. */
function statusOf({ method, headers }: Question, digest: string): number {
  const held = headers['if-none-match'];
  if (held === '*' || held === `"${digest}"`) return 304;
  if (method === 'HEAD' || headers.range === undefined) return 200;
  return headers.range === 'bytes=100000-' ? 416 : 206;
}

const inside = (repository: string, { path }: Thing, question: Question): Call => ({
  ...question,
  path: `/v2/${repository}/${path}`,
});

/** What of an answer says which content it is. */
function contentOf({ status, headers }: Answer): object {
  return { status, digest: headers['docker-content-digest'] };
}

/** What somebody gets and what they are to get, where the two differ. */
async function differenceOf(looker: Looker, thing: Thing, question: Question): Promise<object[]> {
  const { url } = scene.guarded;
  const answer = await ask(url, looker, inside(GUARDED, thing, question));
  const digest = thing[looker.eyes];
  if (digest !== undefined) {
    const status = statusOf(question, digest);
    const expected = { status, digest: status === 416 ? undefined : digest };
    return differing(question, thing, contentOf(answer), expected);
  }
  const nothing = await ask(url, looker, inside(VOID, thing, question));
  return differing(question, thing, whole(answer), { ...whole(nothing), status: 404 });
}

function differing(question: Question, { name }: Thing, found: object, expected: object): object[] {
  return JSON.stringify(found) === JSON.stringify(expected) ? [] : [{ name, ...question, found, expected }];
}

const LOOKERS = [
  'nobody',
  'a viewer',
  'an admin of other repositories',
  'a viewer whose token was asked for to push',
  'a viewer with cosign',
  'a viewer with podman',
  'nobody, with notation',
  'a signer',
  'an editor',
  'an admin',
  'a signer whose token is to pull',
  'an editor whose token is to pull',
];

describe.each(LOOKERS)('%s', (name) => {
  const looker = (): Looker => {
    const found = everybody.get(name);
    if (found === undefined) throw new Error(`nobody is called ${name}`);
    return found;
  };

  test('is shown what is for their eyes, and for the rest the answer of what does not exist, to the byte', async () => {
    const differences: object[] = [];
    for (const thing of THINGS) {
      for (const question of questionsAbout(thing)) {
        differences.push(...(await differenceOf(looker(), thing, question)));
      }
    }
    expect(differences).toEqual([]);
  });

  test('is told by HEAD what GET then sends', async () => {
    for (const thing of THINGS) {
      const [got, head] = [
        await ask(scene.guarded.url, looker(), inside(GUARDED, thing, { method: 'GET', headers: {} })),
        await ask(scene.guarded.url, looker(), inside(GUARDED, thing, { method: 'HEAD', headers: {} })),
      ];
      const digest = thing[looker().eyes] ?? digestOf(got.bytes, 'sha256');
      expect([thing.name, head.text, whole(head)]).toEqual([thing.name, '', { ...whole(got), text: '' }]);
      expect([thing.name, digestOf(got.bytes, 'sha256')]).toEqual([thing.name, digest]);
    }
  });
});

test('everybody who looks is asked', () => {
  expect([...everybody.keys()]).toEqual(LOOKERS);
});
