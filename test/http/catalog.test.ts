import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { aBlob, pushBlob } from '#test/support/images.ts';
import { type GrantText, type People, as, askToken, bearerOf, openPeople } from '#test/support/people.ts';

let gatehouse: Gatehouse;
let people: People;
let url: string;
beforeAll(async () => {
  gatehouse = await startGatehouse();
  people = await openPeople(gatehouse);
  url = gatehouse.url;
});
afterAll(async () => {
  await people[Symbol.asyncDispose]();
  await gatehouse.stop();
});

const ask = (authorization: string, { method, path }: { method: string; path: string }): Promise<Answer> =>
  call(url, { method, path, ...as(authorization) });

describe('the catalog', () => {
  // Neighbours in byte order: - . / 0 and letters come after one another around a namespace and a repository.
  const families = ['a', 'a-b', 'a.b', 'a/x', 'a/x/y', 'a0', 'ab', 'b', 'b/x'];
  const names = families.flatMap((family) => [`cat-${family}`, `cat/${family}`, `cat-${family}/z`]);

  beforeAll(async () => {
    for (const name of names) await pushBlob(url, name, aBlob({ bytes: 'x' }));
  });

  const CASES: readonly (readonly [string, GrantText[], (name: string) => boolean])[] = [
    ['no grant', [], () => false],
    ['one repository', ['registry-viewer cat/a'], (name) => name === 'cat/a'],
    ['a namespace', ['registry-viewer cat/a/'], (name) => name.startsWith('cat/a/')],
    [
      'both',
      ['registry-viewer cat/a/', 'registry-signer cat/a'],
      (name) => name === 'cat/a' || name.startsWith('cat/a/'),
    ],
    ['one within the other', ['registry-viewer cat/', 'registry-admin cat/a/x'], (name) => name.startsWith('cat/')],
    [
      'several apart',
      ['registry-viewer cat-a.b', 'registry-viewer cat/a0', 'registry-viewer cat-a/', 'registry-viewer cat-b'],
      (name) => ['cat-a.b', 'cat/a0', 'cat-b'].includes(name) || name.startsWith('cat-a/'),
    ],
    ['what does not exist', ['registry-viewer cat', 'registry-viewer cat/a/xx', 'registry-viewer cat/z/'], () => false],
  ];

  test.each(CASES)(
    'shows with %s what may be seen, whatever the page and wherever it begins',
    async (label, grants, sees) => {
      const password = await people.robot(`cat-${label.replaceAll(' ', '-')}`, grants);
      const token = bearerOf(await askToken(url, password, ['registry:catalog:*']));
      const visible = names.filter(sees).sort();
      for (const authorization of [password, token]) {
        const page = async (query: string) => {
          const { json, headers } = await ask(authorization, { method: 'GET', path: `/v2/_catalog${query}` });
          return { json, link: headers.link };
        };
        expect((await page('')).json).toEqual({ repositories: visible });
        for (const last of [
          ...names,
          'cat',
          'cat/a/',
          'cat/a!',
          'cat/a0/',
          '~',
          'nobody/knows',
          '%00',
          '%F0%9F%98%80',
        ]) {
          const rest = visible.filter((name) => name > decodeURIComponent(last));
          const [one] = rest;
          const want = one === undefined ? [] : [one];
          const link =
            rest.length > 1 ? `</v2/_catalog?n=1&last=${encodeURIComponent(one ?? '')}>; rel="next"` : undefined;
          expect([last, await page(`?n=1&last=${last}`)]).toEqual([last, { json: { repositories: want }, link }]);
        }
      }
    },
  );

  test('shows the same whole list page by page', async () => {
    const password = await people.robot('cat-pages', [
      'registry-viewer cat/',
      'registry-viewer cat-a',
      'registry-viewer cat-b/',
    ]);
    const found: string[] = [];
    for (let path: string | undefined = '/v2/_catalog?n=2'; path !== undefined; ) {
      const { json, headers } = await ask(password, { method: 'GET', path });
      found.push(...(json as { repositories: string[] }).repositories);
      path = /^<([^>]+)>/.exec(String(headers.link))?.[1];
    }
    const sees = (name: string): boolean => name.startsWith('cat/') || name === 'cat-a' || name.startsWith('cat-b/');
    expect(found).toEqual(names.filter(sees).sort());
  });
});
