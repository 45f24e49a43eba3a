import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inUseOf } from '#metadata/in-use.ts';
import { openInUse, parseInUse } from '#retention/in-use.ts';
import { HOUR, digest } from './facts.ts';
import { PRUNER, type Shelf, openShelf } from './shelf.ts';

const A = digest('a');

/** As `repository tag digest`, with dashes for what a reference does not have. */
function read(text: string): string[] {
  return parseInUse(text).references.map(
    ({ repository, tag, digest: of }) => `${repository} ${tag === '' ? '-' : tag} ${of === '' ? '-' : of}`,
  );
}

describe('a reference', () => {
  test.each<[string, string[]]>([
    ['team-a/app:v1', ['team-a/app v1 -']],
    ['registry.example.com/team-a/app:v1', ['registry.example.com/team-a/app v1 -', 'team-a/app v1 -']],
    ['registry.example.com:5000/team-a/app:v1', ['team-a/app v1 -']],
    ['localhost:5000/app:v1', ['app v1 -']],
    ['Registry.Example.COM/app:v1', ['app v1 -']],
    ['[2001:db8::1]:5000/app:v1', ['app v1 -']],
    ['app', ['app latest -']],
    ['localhost/app', ['localhost/app latest -', 'app latest -']],
    [`app@${A}`, [`app - ${A}`]],
    [`app:v1@${A}`, [`app v1 ${A}`]],
    [`docker-pullable://h.example/app@${A}`, [`h.example/app - ${A}`, `app - ${A}`]],
    ['"app:v1"', ['app v1 -']],
    ["'app:v1',", ['app v1 -']],
    ['  app:v1 \t ', ['app v1 -']],
    ['app:v1 # the web shop', ['app v1 -']],
    ['app:v1 other:v2', ['app v1 -', 'other v2 -']],
    ['app:v1\napp:v1\r\n"app:v1"', ['app v1 -']],
    ['# nothing', []],
    ['', []],
  ])('%j protects %j', (text, references) => {
    expect(read(text)).toEqual(references);
    expect(parseInUse(text).malformed).toEqual([]);
  });

  test.each([
    ['app:', 'expected a tag after the colon'],
    ['app:-v1', 'expected a tag after the colon'],
    [':v1', 'expected the name of a repository'],
    ['h.example/', 'expected the name of a repository'],
    ['<none>', 'expected the name of a repository'],
    ['Team/App:v1', 'expected the name of a repository'],
    ['app@sha256:abc', 'expected @sha256: and its hex'],
    ['app@', 'expected @sha256: and its hex'],
    [`app@${A}@${A}`, 'expected @sha256: and its hex'],
    [A, 'expected a repository before the digest'],
    ['app: v1', 'expected a tag after the colon'],
    ['app:v1 <none>', 'expected the name of a repository'],
  ])('%j is none: %s', (text, problem) => {
    expect(parseInUse(`good:1\n${text}\ngood:2`)).toEqual({
      references: [
        { repository: 'good', tag: '1', digest: '' },
        { repository: 'good', tag: '2', digest: '' },
      ],
      malformed: [{ line: 2, text, problem }],
    });
  });
});

describe('an import', () => {
  let shelf: Shelf;
  beforeEach(async () => {
    shelf = await openShelf();
  });
  afterEach(() => shelf.close());

  const tags = async (): Promise<string[]> =>
    (await inUseOf(shelf.metadata, 'app', shelf.clock(), 5000)).map(({ source, tag }) => `${source} ${tag}`);

  test('replaces what its source said before, and not what others said', async () => {
    const inUse = openInUse(shelf);
    await inUse.importList('app:v1\napp:v2', { source: 'prod', origin: PRUNER });
    await inUse.importList('app:v9', { source: 'test', origin: PRUNER });
    expect(await inUse.importList('app:v2\n<none>\napp:v3', { source: 'prod', origin: PRUNER })).toEqual({
      references: 2,
      malformed: [{ line: 2, text: '<none>', problem: 'expected the name of a repository' }],
      expiresAt: shelf.clock() + 48 * HOUR,
    });
    expect(await tags()).toEqual(['prod v2', 'prod v3', 'test v9']);
    expect(await inUse.sources()).toEqual([
      { source: 'prod', references: 2, expiresAt: shelf.clock() + 48 * HOUR },
      { source: 'test', references: 1, expiresAt: shelf.clock() + 48 * HOUR },
    ]);
  });

  test('protects for as long as it is told', async () => {
    const inUse = openInUse(shelf);
    await inUse.importList('app:v1', { source: 'prod', origin: PRUNER, maxAgeMs: HOUR });
    await inUse.importList('app:v2', { source: 'test', origin: PRUNER });
    shelf.advance(HOUR);
    expect(await tags()).toEqual(['test v2']);
  });

  test.each(['', '# nothing runs', '<none>\nError from server'])(
    'of %j is refused, and the last list stays',
    async (text) => {
      const inUse = openInUse(shelf);
      await inUse.importList('app:v1', { source: 'prod', origin: PRUNER });
      await expect(inUse.importList(text, { source: 'prod', origin: PRUNER })).rejects.toThrow(
        /^expected image references, one a line/,
      );
      expect(await tags()).toEqual(['prod v1']);
    },
  );

  test('of thousands of references is one list', async () => {
    const text = Array.from({ length: 1201 }, (_, index) => `app:v${index}`).join('\n');
    await openInUse(shelf).importList(text, { source: 'prod', origin: PRUNER });
    expect(await tags()).toHaveLength(1201);
  });
});
