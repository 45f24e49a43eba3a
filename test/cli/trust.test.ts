import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Explanation, TrustEngine } from '#trust/engine.ts';
import { openCallers } from '../access/callers.ts';
import { temporaryMetadata } from '../access/metadata.ts';
import { aHeldExplanation, anEngine, anExplanation, digestFor } from '../trust/engine.ts';
import { aPolicy } from '../trust/findings.ts';
import { here } from './here.ts';
import type { Outcome } from './process.ts';
import { WAYS, aScene } from './scene.ts';
import { anApiServer } from './trust-server.ts';

interface Gate extends AsyncDisposable {
  readonly host: string;
  run(...words: readonly string[]): Promise<Outcome>;
}

/** A server with a gate that answers what is said, and commands for it by a system-admin. */
async function aGate(engine: Partial<TrustEngine>, role = 'system-admin'): Promise<Gate> {
  const database = await temporaryMetadata();
  const callers = openCallers(database.metadata, { engine: anEngine(engine) });
  const server = await anApiServer(callers.with('root', { role, scope: '*' }));
  const environment = { GATEHOUSE_SERVER: server.url, GATEHOUSE_USER: 'root', GATEHOUSE_PASSWORD: 'x' };
  return {
    host: new URL(server.url).host,
    run: (...words) => here(['trust', ...words], environment),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

const DIGEST = digestFor('image');

test('whoever has a push held reads what is missing, who signed and why it does not count, and what to type', async () => {
  await using gate = await aGate({ explain: async () => aHeldExplanation() });
  const { code, stdout, stderr } = await gate.run('explain', 'team-a/app:1.4');
  expect(stdout).toBe(`\
team-a/app:1.4 is held since 1970-01-01T00:00:01Z, pushed by alice; without a signature it is given up 1970-01-02T00:00:01Z
  image      ${DIGEST}; everybody else gets ${digestFor('old')}
  policy     policy 1 (**): mode hold, level strict
  verdict    not satisfied: it needs a signature with a key of release; judged 1970-01-01T00:00:02Z
  waiting    also latest
  signed by  alice (cosign, referrer 1): does not count: expiry: expiry, as the test has it
  signed by  nobody (cosign, referrer 2): its layer is no bundle
what would release it:
  a signature with a key of release
    cosign sign --key '<private key of release>' --use-signing-config=false --tlog-upload=false ${gate.host}/team-a/app@${DIGEST}
`);
  expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
});

test('the same as JSON, with the same exit code', async () => {
  await using gate = await aGate({ explain: async () => aHeldExplanation() });
  const { code, stdout } = await gate.run('explain', `team-a/app@${DIGEST}`, '--json');
  expect(code).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'held',
    tag: null,
    missing: [{ commands: [expect.stringContaining(` ${gate.host}/team-a/app@`)] }],
  });
});

const POLICY = aPolicy({ root: 'release' });
const JUDGED = {
  isSatisfied: true,
  summary: 'release.pub vouches for it',
  via: undefined,
  judgedAt: 2000,
  goodUntil: undefined,
  isCurrent: true,
};
const RELEASED = { at: 1000, by: 'root', reason: 'incident 4711' };

test.each<[string, Partial<Explanation>, number, readonly string[]]>([
  ['nothing is asked', {}, 0, ['is there for everybody\n', 'policy     none speaks of this repository']],
  [
    'it is satisfied',
    { policy: POLICY, verdict: { ...JUDGED, via: DIGEST, goodUntil: 3000 } },
    0,
    [
      'is there for everybody\n',
      `verdict    satisfied: release.pub vouches for it; through ${DIGEST}; until 1970-01-01T00:00:03Z; judged 1970-01-01T00:00:02Z\n`,
    ],
  ],
  [
    'it was satisfied by what changed since',
    { policy: POLICY, verdict: { ...JUDGED, isCurrent: false } },
    3,
    ['though its policy is not satisfied\n', 'before something changed: it will be judged anew\n'],
  ],
  ['it is not judged', { policy: POLICY }, 3, ['verdict    it was not judged yet\n', 'signed by  nobody yet\n']],
  [
    'it is blocked',
    { policy: POLICY, isVisible: false, verdict: { ...JUDGED, isSatisfied: false } },
    3,
    [' is blocked: whoever only pulls does not get it\n', '; nobody else sees the tag\n'],
  ],
  ['it is kept apart', { isWithheld: true, isVisible: false, policy: POLICY }, 3, [' is kept apart: ']],
  [
    'it was released',
    { policy: POLICY, verdict: { ...JUDGED, isSatisfied: false }, release: RELEASED },
    0,
    ['is there for everybody\n', 'released   by root 1970-01-01T00:00:01Z: incident 4711\n'],
  ],
  ['its policy is off', { policy: aPolicy({ root: 'release' }, { mode: 'off' }) }, 0, ['is there for everybody\n']],
])('where %s, explain says so', async (_, words, code, parts) => {
  await using gate = await aGate({ explain: async () => anExplanation(words) });
  const outcome = await gate.run('explain', 'team-a/app:1.4');
  for (const part of parts) expect(outcome.stdout).toContain(part);
  expect(outcome.code).toBe(code);
});

test('verify judges anew before it explains', async () => {
  const judged: string[] = [];
  await using gate = await aGate({
    explain: async () =>
      judged.length === 0 ? aHeldExplanation() : anExplanation({ policy: POLICY, verdict: JUDGED }),
    verify: async (repository) => void judged.push(repository),
  });
  expect((await gate.run('verify', 'team-a/app:1.4')).code).toBe(0);
  expect(judged).toEqual(['team-a/app']);
});

test.each(WAYS)(
  'an image of which nothing is asked is explained, and what is not there is not found, %s',
  async (way) => {
    await using scene = await aScene(way);
    const { digest } = await scene.push('team-a/app', '1.4');
    expect(await scene.run('trust explain team-a/app:1.4')).toEqual({
      code: 0,
      stdout: [
        'team-a/app:1.4 is there for everybody',
        `  image      ${digest}`,
        '  policy     none speaks of this repository: nothing is asked',
        '  signed by  nobody yet\n',
      ].join('\n'),
      stderr: '',
    });
    const unknown = { code: 1, stdout: '', stderr: 'gatehouse: there is no such tag or manifest here\n' };
    expect(await scene.run('trust explain team-a/app:1.5')).toEqual(unknown);
    expect(await scene.run('trust verify team-b/app:1.4')).toEqual(unknown);
    expect(await scene.run('trust list --held')).toEqual({ code: 0, stdout: 'nothing is held\n', stderr: '' });
  },
);

test('all that is held is listed, page after page', async () => {
  const names = Array.from({ length: 1500 }, (_, index) => String(index).padStart(4, '0'));
  await using gate = await aGate({
    held: async ({ repository, after }, limit) =>
      names
        .filter((name) => name > after.name)
        .slice(0, limit)
        .map((name) => ({
          repository: repository ?? 'team-a/app',
          name,
          digest: DIGEST,
          since: 1000,
          by: 'alice',
          lapsesAt: 2000,
          summary: 'it needs a signature',
        })),
  });
  const { stdout } = await gate.run('list', '--held');
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^TAG +SINCE +BY +LAPSES +DIGEST +WHY$/);
  expect(lines[1]).toBe(
    `team-a/app:0000  1970-01-01T00:00:01Z  alice  1970-01-01T00:00:02Z  ${DIGEST}  it needs a signature`,
  );
  expect(lines).toHaveLength(1502);
  const { held } = Object(JSON.parse((await gate.run('list', '--repository', 'team-b/app', '--json')).stdout));
  expect(held).toHaveLength(1500);
  expect(held[1499]).toMatchObject({ repository: 'team-b/app', tag: '1499' });
});

test.each([
  [
    ['1.4', '2'],
    `released team-a/app@${DIGEST}\nteam-a/app:1.4 points at ${DIGEST}\nteam-a/app:2 points at ${DIGEST}\n`,
  ],
  [[], `released team-a/app@${DIGEST}\nno tag waited for it\n`],
])('releasing says which tags are there now: %j', async (tags, want) => {
  const reasons: string[] = [];
  await using gate = await aGate({
    explain: async () => aHeldExplanation(),
    release: async ({ reason }) => {
      reasons.push(reason);
      return tags;
    },
  });
  const outcome = await gate.run('release', 'team-a/app:1.4', '--reason', ' incident 4711 ');
  expect(outcome).toEqual({ code: 0, stdout: want, stderr: '' });
  expect(reasons).toEqual(['incident 4711']);
});

test.each<[readonly string[], number, string]>([
  [['release', 'team-a/app:1.4'], 2, "error: required option '--reason <text>' not specified"],
  [['release', 'team-a/app:1.4', '--reason', ' '], 2, 'gatehouse: reason: Too small: '],
  [['explain', 'team-a/app'], 2, 'gatehouse: expected an image such as team-a/app:1.4'],
  [['preview'], 2, "error: required option '--policy <file>' not specified"],
  [['preview', '--policy', 'none.yaml'], 2, 'gatehouse: none.yaml cannot be read (ENOENT)'],
  [['preview', '--policy', 'x', '--limit', '0'], 2, 'gatehouse: --limit: expected a number from 1 to 10000, found 0'],
])('%j fails in words', async (words, code, message) => {
  await using gate = await aGate({});
  const outcome = await gate.run(...words);
  expect(outcome).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) });
});

test('only a system-admin releases', async () => {
  await using gate = await aGate({ explain: async () => aHeldExplanation() }, 'registry-admin');
  expect(await gate.run('release', 'team-a/app:1.4', '--reason', 'x')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'gatehouse: no permission to system on every repository\n',
  });
});

test('a preview says what intended policies would do, of a file with roots only on the server itself', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-preview-'));
  const bare = join(folder, 'bare.yaml');
  const rooted = join(folder, 'rooted.yaml');
  await writeFile(bare, 'policies:\n  - { repositories: "**", mode: off }\n');
  await writeFile(rooted, 'trust:\n  roots: { release: { keys: [release.pub] } }\n');
  const item = { repository: 'team-a/app', digest: DIGEST, now: 'visible', summary: 'it needs a signature' } as const;
  await using gate = await aGate({
    async *preview() {
      yield { ...item, tag: '1', fate: 'pass' };
      yield { ...item, tag: '2', fate: 'hold' };
      yield { ...item, tag: '3', fate: 'block' };
      yield { ...item, repository: 'team-b/app', tag: '1', fate: 'free' };
    },
  });
  expect(await gate.run('preview', '--policy', bare, '--limit', '1')).toEqual({
    code: 0,
    stdout: `\
FATE  NOW      TAG           WHY
hold  visible  team-a/app:2  it needs a signature

1 more do not pass: --limit shows more of them
hold: 1 would be held if it were pushed now
block: 1 could not be pulled
of 4 tags in 2 repositories 1 pass, and nothing is asked of 1
nothing was changed
`,
    stderr: '',
  });
  const refused = await gate.run('preview', '--policy', rooted);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('trust.roots: the roots are those of the server: leave them out');
  await rm(folder, { recursive: true });
});
