import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DAY_MS, anAuthority } from '#test/support/certificates.ts';
import { type LivePolicies, openLivePolicies } from '#trust/live-policies.ts';
import { type TrustOptions, trustOptions } from '#trust/options.ts';
import { judgeFindings } from '#trust/policy.ts';
import { signedBy } from './findings.ts';

let folder: string;
let said: string[];
let now: number;
/** What the configuration says at the moment; an error when it cannot be read. */
let written: object | Error;
let lists: (location: string) => string | Error;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-live-'));
  said = [];
  now = Date.UTC(2026, 0, 1);
  lists = () => new Error('nobody answers');
  await place('a.pub', aKey());
  await place('b.pub', aKey());
  written = trustOf(['a.pub']);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const aKey = (): string => generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
const at = (name: string): string => join(folder, name);
const place = (name: string, content: string): Promise<void> => writeFile(at(name), content);

const trustOf = (keys: readonly string[], policy: object = {}, more: object = {}): object => ({
  roots: { release: { keys: keys.map(at) }, ...more },
  policies: [{ repositories: '**', require: { root: 'release' }, ...policy }],
});
const read = async (): Promise<TrustOptions> => {
  if (written instanceof Error) throw written;
  return trustOptions.parse(written);
};
const open = async (): Promise<LivePolicies> =>
  openLivePolicies({
    options: await read(),
    read,
    clock: () => now,
    report: {
      info: (words) => void said.push(words),
      error: (words, error) => void said.push(`${words}: ${error instanceof Error ? error.message : String(error)}`),
    },
    revocationList: async (source) => {
      const found = lists(source);
      if (found instanceof Error) throw found;
      return { bytes: Buffer.from(found), source };
    },
  });
const isSatisfied = (live: LivePolicies): boolean | undefined => {
  const policy = live.current().policyFor('x');
  return policy && judgeFindings(policy, 'x', [signedBy('alice', 'release')]).isSatisfied;
};

describe('at the start', () => {
  test('policies are there with their roots', async () => {
    const live = await open();
    expect(live.current().policyFor('x')?.label).toBe('policy 1 (**)');
    expect(live.current().roots.get('release')).toMatchObject({ kind: 'keys', problem: undefined });
    expect(live.options()).toEqual(await read());
    expect(live.checkEveryMs).toBe(5000);
    expect(await live.reload()).toBe(false);
    expect(said).toEqual([]);
  });

  test('every root that cannot be used is named, with what to do', async () => {
    await place('bad.pub', 'x');
    written = trustOf(['gone.pub'], {}, { other: { keys: [at('bad.pub')] } });
    await expect(open()).rejects.toThrow(
      `cannot tell whose signatures count: trust.roots.release: there is no file ${at('gone.pub')}; ` +
        `trust.roots.other: ${at('bad.pub')}: expected PEM of PUBLIC KEY, found none; correct the files or the roots`,
    );
  });

  test('without a way to read the configuration again only files are followed', async () => {
    const live = await openLivePolicies({
      options: await read(),
      clock: () => now,
      report: { info: () => {}, error: () => {} },
    });
    written = new Error('is not asked');
    expect(await live.reload()).toBe(false);
    await place('a.pub', aKey());
    expect(await live.reload()).toBe(true);
  });
});

describe('a change', () => {
  test('of the configuration is in force at the next look', async () => {
    const live = await open();
    const before = live.current();
    written = trustOf(['a.pub'], { mode: 'strict' });
    expect(await live.reload()).toBe(true);
    expect(live.current().policyFor('x')?.options.mode).toBe('strict');
    expect(live.options()).toEqual(await read());
    expect(live.current().policyFor('x')?.version).not.toBe(before.policyFor('x')?.version);
    expect(live.current().roots.get('release')).toBe(before.roots.get('release'));
    expect(await live.reload()).toBe(false);
    expect(said).toEqual(['took new trust policies']);
  });

  test('of a file is seen by its content, also through a symbolic link', async () => {
    await symlink('a.pub', at('link.pub'));
    written = trustOf(['link.pub']);
    const live = await open();
    const before = live.current().version;
    await symlink('b.pub', at('link2.pub'));
    await rename(at('link2.pub'), at('link.pub'));
    expect(await live.reload()).toBe(true);
    expect(live.current().version).not.toBe(before);
  });

  test('that writes the same again is none', async () => {
    const live = await open();
    written = trustOf(['a.pub'], { mode: 'hold' });
    expect(await live.reload()).toBe(false);
  });

  test('of what policies do not say is one all the same', async () => {
    const live = await open();
    written = { ...trustOf(['a.pub']), judgeAgainEvery: '1h' };
    expect(await live.reload()).toBe(true);
    expect(live.options().judgeAgainEvery).toBe(3_600_000);
  });
});

describe('a configuration that is wrong', () => {
  test('is reported at the second look in a row, once, and the one in force kept', async () => {
    const live = await open();
    const before = live.current();
    written = new Error('expected a pattern, found nothing');
    expect(await live.reload()).toBe(false);
    expect(said).toEqual([]);
    expect(await live.reload()).toBe(false);
    expect(await live.reload()).toBe(false);
    expect(said).toEqual([
      'refused a new configuration of trust and kept the old one: expected a pattern, found nothing',
    ]);
    expect(live.current()).toBe(before);
  });

  test('is not reported when it was half written only', async () => {
    const live = await open();
    for (let round = 0; round < 2; round += 1) {
      written = new Error('half');
      await live.reload();
      written = trustOf(['a.pub']);
      await live.reload();
    }
    expect(said).toEqual([]);
  });

  test('does not keep files from being followed', async () => {
    const live = await open();
    written = new Error('wrong');
    await place('a.pub', aKey());
    expect(await live.reload()).toBe(true);
  });
});

describe('a root that breaks', () => {
  test.each<[string, () => Promise<void>, RegExp]>([
    ['because its file is gone', () => rm(at('a.pub')), /there is no file .*a\.pub$/],
    ['because its file is half written', () => place('a.pub', '-----BEGIN PUB'), /a\.pub: expected PEM of PUBLIC KEY/],
  ])('%s no longer vouches from the second look on', async (_, breakIt, words) => {
    const live = await open();
    expect(isSatisfied(live)).toBe(true);
    await breakIt();
    expect(await live.reload()).toBe(false);
    expect(isSatisfied(live)).toBe(true);
    expect(await live.reload()).toBe(true);
    expect(isSatisfied(live)).toBe(false);
    expect(await live.reload()).toBe(false);
    expect(said).toEqual([
      expect.stringMatching(
        new RegExp(`^trust\\.roots\\.release cannot be used: its signatures no longer count: .*${words.source}`),
      ),
      'took new trust policies',
    ]);
  });

  test('vouches again as soon as it is sound', async () => {
    const live = await open();
    await place('a.pub', 'x');
    await live.reload();
    await live.reload();
    await place('a.pub', aKey());
    expect(await live.reload()).toBe(true);
    expect(isSatisfied(live)).toBe(true);
  });

  test('for one look each time is a slip each time', async () => {
    const live = await open();
    const key = aKey();
    await place('a.pub', key);
    await live.reload();
    for (let round = 0; round < 2; round += 1) {
      await place('a.pub', 'x');
      expect(await live.reload()).toBe(false);
      await place('a.pub', key);
      expect(await live.reload()).toBe(false);
    }
    expect(isSatisfied(live)).toBe(true);
  });

  test('breaks at once when the configuration says something else of it now', async () => {
    const live = await open();
    written = trustOf(['gone.pub']);
    expect(await live.reload()).toBe(true);
    expect(isSatisfied(live)).toBe(false);
  });

  test('breaks nothing else', async () => {
    written = trustOf(['a.pub'], {}, { other: { keys: [at('b.pub')] } });
    const live = await open();
    const before = live.current().policyFor('x')?.version;
    await rm(at('b.pub'));
    await live.reload();
    await live.reload();
    expect(live.current().roots.get('other')?.problem).toBeDefined();
    expect(live.current().policyFor('x')?.version).toBe(before);
  });

  test('is looked at once by two who look at the same moment', async () => {
    const live = await open();
    await rm(at('a.pub'));
    expect(await Promise.all([live.reload(), live.reload()])).toEqual([false, false]);
    expect(isSatisfied(live)).toBe(true);
  });
});

describe('a revocation list', () => {
  const URL_OF_LIST = 'http://127.0.0.1:1/ca.crl';
  const MINUTE_MS = 60_000;
  const bytesOf = (live: LivePolicies): string[] => {
    const root = live.current().roots.get('corp');
    return root?.kind === 'x509' ? root.revocationLists.map(({ bytes }) => Buffer.from(bytes).toString()) : [];
  };
  beforeEach(async () => {
    await place('ca.pem', (await anAuthority()).certificate);
    written = trustOf(['a.pub'], {}, { corp: { x509: [at('ca.pem')], revoked: [URL_OF_LIST] } });
    lists = () => 'one';
  });

  test('of a URL is asked for again after ten minutes, not before', async () => {
    const live = await open();
    let asked = 0;
    lists = () => {
      asked += 1;
      return 'two';
    };
    now += 10 * MINUTE_MS - 1;
    expect(await live.reload()).toBe(false);
    expect([asked, bytesOf(live)]).toEqual([0, ['one']]);
    now += 1;
    expect(await live.reload()).toBe(true);
    expect(await live.reload()).toBe(false);
    expect([asked, bytesOf(live)]).toEqual([1, ['two']]);
  });

  test('that cannot be had again leaves the last one, however long', async () => {
    const live = await open();
    lists = () => new Error('nobody answers');
    for (let round = 0; round < 3; round += 1) {
      now += DAY_MS;
      expect(await live.reload()).toBe(false);
    }
    expect(bytesOf(live)).toEqual(['one']);
    expect(said).toEqual(['cannot fetch a revocation list again and kept the last one: nobody answers']);
  });

  test('that never could be had stops the start', async () => {
    lists = () => new Error('nobody answers');
    await expect(open()).rejects.toThrow('trust.roots.corp: nobody answers');
  });

  test('of a file is read at each look', async () => {
    written = trustOf(['a.pub'], {}, { corp: { x509: [at('ca.pem')], revoked: [at('ca.crl')] } });
    const live = await open();
    lists = () => 'two';
    expect(await live.reload()).toBe(true);
    expect(bytesOf(live)).toEqual(['two']);
  });
});
