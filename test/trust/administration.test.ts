import { expect, test } from 'vitest';
import { RegistryError } from '#oci/errors.ts';
import type { Explanation, PreviewItem, Question, TrustEngine } from '#trust/engine.ts';
import { type TrustOptions, trustOptions } from '#trust/options.ts';
import { type Callers, openCallers, reasonOf } from '../access/callers.ts';
import { temporaryMetadata } from '../access/metadata.ts';
import { aHeldExplanation, anEngine, anExplanation, digestFor } from './engine.ts';
import { aPolicy, aTestimony, checks } from './findings.ts';

const TAG = { repository: 'team-a/app', tag: '1.4' };

async function over(engine: Partial<TrustEngine>): Promise<Callers & AsyncDisposable> {
  const database = await temporaryMetadata();
  return {
    ...openCallers(database.metadata, { engine: anEngine(engine) }),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

const roleOf = (callers: Callers, role: string) => callers.with('somebody', { role, scope: 'team-a/' });

/** The words of a refusal by the registry. */
async function refusal(act: Promise<unknown>): Promise<unknown> {
  try {
    return await act;
  } catch (error) {
    return error instanceof RegistryError ? [error.code, error.message] : error;
  }
}

const UNKNOWN = ['MANIFEST_UNKNOWN', 'there is no such tag or manifest here'];

test('a person whose push is held is told what waits, what counts, and what to type', async () => {
  await using callers = await over({ explain: async () => aHeldExplanation() });
  expect(await roleOf(callers, 'registry-editor').trustExplain(TAG)).toEqual({
    repository: 'team-a/app',
    digest: digestFor('image'),
    tag: '1.4',
    state: 'held',
    pointsAt: digestFor('old'),
    policy: { label: 'policy 1 (**)', mode: 'hold', pull: 'open', level: 'strict' },
    verdict: {
      satisfied: false,
      summary: 'it needs a signature with a key of release',
      via: null,
      judgedAt: '1970-01-01T00:00:02.000Z',
      goodUntil: null,
      current: true,
    },
    held: [
      { tag: '1.4', since: '1970-01-01T00:00:01.000Z', by: 'alice', lapsesAt: '1970-01-02T00:00:01.000Z' },
      { tag: 'latest', since: '1970-01-01T00:00:01.000Z', by: 'alice', lapsesAt: '1970-01-02T00:00:01.000Z' },
    ],
    signatures: [
      {
        format: 'cosign',
        source: 'referrer 1',
        manifest: digestFor('referrer 1'),
        isAboutSubject: true,
        problem: null,
        testimonies: [
          {
            root: 'release',
            signer: 'alice',
            counts: false,
            why: 'expiry: expiry, as the test has it',
            predicateType: null,
            checks: Object.entries(checks({ expiry: 'fail' })).map(([check, result]) => ({ check, ...result })),
          },
        ],
      },
      {
        format: 'cosign',
        source: 'referrer 2',
        manifest: digestFor('referrer 2'),
        isAboutSubject: false,
        problem: 'its layer is no bundle',
        testimonies: [],
      },
    ],
    release: null,
    missing: [
      {
        words: 'a signature with a key of release',
        commands: [
          `cosign sign --key '<private key of release>' --use-signing-config=false --tlog-upload=false HOST/team-a/app@${digestFor('image')}`,
        ],
      },
    ],
  });
});

const VISIBLE = anExplanation();
const HIDDEN = anExplanation({ isVisible: false });

// Who asks, what there is when held tags count and when they do not, and which of both is told of.
test.each<[string, Explanation | undefined, Explanation | undefined, 'with held' | 'without' | 'nothing']>([
  ['registry-viewer', HIDDEN, VISIBLE, 'without'],
  ['registry-viewer', HIDDEN, undefined, 'nothing'],
  ['registry-viewer', HIDDEN, HIDDEN, 'nothing'],
  ['registry-viewer', undefined, undefined, 'nothing'],
  ['registry-signer', HIDDEN, VISIBLE, 'with held'],
  ['registry-editor', HIDDEN, undefined, 'with held'],
  ['registry-admin', undefined, undefined, 'nothing'],
])('a %s is told no more than may be seen: %#', async (role, withHeld, without, want) => {
  const questions: Question[] = [];
  await using callers = await over({
    explain: async (question) => {
      questions.push(question);
      return question.withHeld ? withHeld : without;
    },
  });
  const answer = await refusal(roleOf(callers, role).trustExplain(TAG));
  expect(questions.map((question) => question.withHeld)).toEqual([role !== 'registry-viewer']);
  const told = expect.objectContaining({ state: want === 'with held' ? 'blocked' : 'visible' });
  expect(answer).toEqual(want === 'nothing' ? UNKNOWN : told);
});

test('what may not be seen is answered for in the words for what is not there', async () => {
  await using callers = await over({
    explain: async ({ reference }) => (reference.tag === '1.4' ? HIDDEN : VISIBLE),
    verify: async () => Promise.reject(new Error('judged for a stranger')),
  });
  const viewer = roleOf(callers, 'registry-viewer');
  const stranger = callers.with('somebody', { role: 'registry-admin', scope: 'team-b/' });
  expect(await refusal(viewer.trustExplain(TAG))).toEqual(UNKNOWN);
  for (const one of [TAG, { repository: 'team-a/app', digest: digestFor('image') }]) {
    expect(await refusal(stranger.trustExplain(one))).toEqual(UNKNOWN);
    expect(await refusal(stranger.trustVerify(one))).toEqual(UNKNOWN);
  }
});

test.each([
  ['registry-viewer', ['explain']],
  ['registry-signer', ['explain', 'verify', 'held']],
  ['registry-editor', ['explain', 'verify', 'held']],
  ['registry-admin', ['explain', 'verify', 'held']],
])('a %s of the repository may ask for no more than %j', async (role, want) => {
  await using callers = await over({ explain: async () => VISIBLE });
  const somebody = roleOf(callers, role);
  const asked = {
    explain: somebody.trustExplain(TAG),
    verify: somebody.trustVerify(TAG),
    held: somebody.trustHeld({ repository: 'team-a/app' }),
    'held everywhere': somebody.trustHeld({}),
    release: somebody.trustRelease({ ...TAG, reason: 'x' }),
    preview: somebody.trustPreview({ trust: {} }),
  };
  const reasons = await Promise.all(Object.values(asked).map(reasonOf));
  expect(Object.keys(asked).filter((_, index) => reasons[index] === undefined)).toEqual(want);
  expect(reasons.every((reason) => reason === undefined || reason === 'denied')).toBe(true);
});

test('who only pulls is told of no tag that waits, of no attachment that is not shown, nor who released it', async () => {
  const release = { at: 5, by: 'root', reason: 'incident' };
  await using callers = await over({ explain: async () => ({ ...aHeldExplanation(), isVisible: true, release }) });
  const told = await roleOf(callers, 'registry-viewer').trustExplain(TAG);
  expect(told).toMatchObject({ state: 'visible', held: [], release: null });
  expect(told.signatures.map(({ source }) => source)).toEqual(['referrer 1']);
  expect(await roleOf(callers, 'registry-signer').trustExplain(TAG)).toMatchObject({
    held: [{ tag: '1.4' }, { tag: 'latest' }],
    release: { at: '1970-01-01T00:00:00.005Z', by: 'root', reason: 'incident' },
  });
});

const WAITING = { name: '1.4', since: 1, by: 'alice', lapsesAt: 2 };

test.each<[string, Partial<Explanation>, string]>([
  ['is seen', { isVisible: true, isWithheld: false }, 'visible'],
  ['waits under this tag', { isVisible: false, isWithheld: true, held: [WAITING] }, 'held'],
  ['waits under another tag', { isVisible: false, isWithheld: true, held: [{ ...WAITING, name: '2' }] }, 'withheld'],
  ['waits for nothing', { isVisible: false, isWithheld: true }, 'withheld'],
  ['was seen before', { isVisible: false, isWithheld: false }, 'blocked'],
])('what %s is called that', async (_, words, want) => {
  await using callers = await over({ explain: async () => anExplanation(words) });
  expect((await callers.local.trustExplain(TAG)).state).toBe(want);
});

test('verifying judges what the name leads to, and then explains', async () => {
  const judged: string[] = [];
  await using callers = await over({
    explain: async () => (judged.length === 0 ? aHeldExplanation() : anExplanation()),
    verify: async (repository, digest) => void judged.push(`${repository}@${digest}`),
  });
  expect(await roleOf(callers, 'registry-signer').trustVerify(TAG)).toMatchObject({ state: 'visible' });
  expect(judged).toEqual([`team-a/app@${digestFor('image')}`]);
});

test('held tags come page by page', async () => {
  const all = ['1', '2', '3'].map((name) => ({
    ...WAITING,
    name,
    repository: 'team-a/app',
    digest: digestFor(name),
    summary: 'it needs more',
  }));
  await using callers = await over({
    held: async ({ after }, limit) => all.filter(({ name }) => name > after.name).slice(0, limit),
  });
  const first = await callers.local.trustHeld({ limit: 2 });
  expect(first.held.map(({ tag }) => tag)).toEqual(['1', '2']);
  expect(first.next).toBe('team-a/app:2');
  expect(await callers.local.trustHeld({ limit: 2, after: first.next })).toEqual({
    held: [
      {
        repository: 'team-a/app',
        tag: '3',
        digest: digestFor('3'),
        since: '1970-01-01T00:00:00.001Z',
        by: 'alice',
        lapsesAt: '1970-01-01T00:00:00.002Z',
        summary: 'it needs more',
      },
    ],
  });
  expect((await callers.local.trustHeld({ limit: 3 })).next).toBeUndefined();
});

test('releasing names whoever does it and why, and the tags that are published', async () => {
  const released: unknown[] = [];
  await using callers = await over({
    explain: async ({ withHeld }) => (withHeld ? aHeldExplanation() : undefined),
    release: async (release, { actor }) => {
      released.push({ ...release, actor });
      return ['1.4', 'latest'];
    },
  });
  expect(await callers.local.trustRelease({ ...TAG, reason: 'incident 4711' })).toEqual({
    repository: 'team-a/app',
    digest: digestFor('image'),
    tags: ['1.4', 'latest'],
  });
  expect(released).toEqual([
    { repository: 'team-a/app', digest: digestFor('image'), reason: 'incident 4711', actor: 'system:local' },
  ]);
});

test('nothing is released that is not there', async () => {
  await using callers = await over({ release: async () => ['never'] });
  expect(await refusal(callers.local.trustRelease({ ...TAG, reason: 'x' }))).toEqual(UNKNOWN);
});

const IN_FORCE = trustOptions.parse({ roots: { release: { keys: ['/etc/release.pub'] } } });
const POLICIES = [{ repositories: 'team-a/**', require: { root: 'release' } }];

const previewed = (fate: PreviewItem['fate'], tag: string, repository = 'team-a/app'): PreviewItem => ({
  repository,
  tag,
  digest: digestFor(tag),
  now: 'visible',
  fate,
  summary: 'as the test has it',
});

test('a preview counts every tag and lists those that do not pass', async () => {
  const given: unknown[] = [];
  await using callers = await over({
    options: () => IN_FORCE,
    async *preview(options: TrustOptions, filter) {
      given.push({ roots: options.roots, policies: options.policies.length, filter });
      yield previewed('pass', '1');
      yield previewed('hold', '2');
      yield previewed('warn', '3');
      yield previewed('free', '1', 'team-b/app');
      yield previewed('block', '2', 'team-b/app');
      yield previewed('refuse', '3', 'team-b/app');
    },
  });
  const root = callers.with('root', { role: 'system-admin', scope: '*' });
  const answer = await root.trustPreview({ trust: { policies: POLICIES }, repositories: 'team-*/**', limit: 3 });
  expect(given).toEqual([{ roots: IN_FORCE.roots, policies: 1, filter: { repositories: 'team-*/**' } }]);
  expect(answer).toEqual({
    repositories: 2,
    tags: { free: 1, pass: 1, warn: 1, hold: 1, refuse: 1, block: 1 },
    items: [previewed('hold', '2'), previewed('warn', '3'), previewed('block', '2', 'team-b/app')],
    omitted: 1,
  });
});

test('roots of a preview are read for nobody but whoever sits on the server', async () => {
  const given: TrustOptions['roots'][] = [];
  await using callers = await over({
    options: () => IN_FORCE,
    async *preview({ roots }) {
      given.push(roots);
      yield* [];
    },
  });
  const trust = { roots: { release: { keys: ['/etc/shadow'] } }, policies: POLICIES };
  const root = callers.with('root', { role: 'system-admin', scope: '*' });
  await expect(root.trustPreview({ trust })).rejects.toThrow(
    'trust.roots: the roots are those of the server: leave them out, or preview on the server itself',
  );
  expect(given).toEqual([]);
  await callers.local.trustPreview({ trust });
  expect(given).toMatchObject([{ release: { keys: ['/etc/shadow'] } }]);
});

test.each<[Record<string, unknown>, string | undefined, string]>([
  [{ policies: [{ repositories: 'x', mode: 'on' }] }, undefined, 'trust.policies.0.mode: '],
  [{ polices: [] }, undefined, 'trust: '],
  [
    { policies: [{ repositories: 'x', require: { root: 'unknown' } }] },
    undefined,
    'trust.policies.0.require.root: there is no root unknown; the roots are release',
  ],
  [{ policies: 5 }, undefined, 'trust.policies: '],
  [{}, 'team-[ab]', 'repositories: expected * ** ? or {a,b} as wildcards, found ['],
])('a preview of %j for %s is refused in words', async (trust, repositories, want) => {
  await using callers = await over({ options: () => IN_FORCE });
  const act = callers.local.trustPreview({ trust, repositories });
  await expect(act).rejects.toMatchObject({ name: 'InputError', message: expect.stringContaining(want) });
});

test('a testimony that counts says so', async () => {
  const signature = {
    format: 'cosign' as const,
    source: 'x',
    manifest: undefined,
    isAboutSubject: true,
    problem: undefined,
    testimonies: [aTestimony('release')],
  };
  const explanation = anExplanation({ policy: aPolicy({ root: 'release' }), signatures: [signature] });
  await using callers = await over({ explain: async () => explanation });
  const { signatures } = await callers.local.trustExplain(TAG);
  expect(signatures[0]?.testimonies).toMatchObject([{ counts: true, why: null }]);
});
