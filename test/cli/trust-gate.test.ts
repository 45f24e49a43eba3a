import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '../support/client.ts';
import { type Scene, WAYS, type Way, aScene } from './scene.ts';

/* The commands over the gate as it is, and not over plain values as in trust.test.ts. */

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatehouse-trust-'));
  const { publicKey } = generateKeyPairSync('ed25519');
  await writeFile(join(folder, 'release.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(() => rm(folder, { recursive: true }));

function aGuardedScene(way: Way, mode: 'hold' | 'strict' = 'hold'): Promise<Scene> {
  return aScene(way, [], {
    trust: {
      roots: { release: { keys: [join(folder, 'release.pub')] } },
      policies: [{ repositories: 'team-a/**', mode, require: { root: 'release' } }],
    },
  });
}

test.each(WAYS)('what is held is explained, listed and released, %s', async (way) => {
  await using scene = await aGuardedScene(way);
  const { digest } = await scene.push('team-a/app', '1.4');
  const host = way === 'on a server' ? new URL(scene.gatehouse.url).host : 'HOST';
  const command = `cosign sign --key '<private key of release.pub>' --use-signing-config=false --tlog-upload=false ${host}/team-a/app@${digest}`;
  const explained = await scene.run('trust explain team-a/app:1.4');
  expect(explained).toMatchObject({ code: 3, stderr: '' });
  expect(explained.stdout.split('\n')).toEqual([
    expect.stringMatching(/^team-a\/app:1\.4 is held since .+, pushed by admin; without a signature it is given up /),
    `  image      ${digest}; nobody else sees the tag`,
    '  policy     policy 1 (team-a/**): mode hold, level strict',
    expect.stringMatching(/^ {2}verdict {4}not satisfied: it needs a signature with a key of release; judged /),
    '  signed by  nobody yet',
    'what would release it:',
    '  a signature with a key of release',
    `    ${command}`,
    ...(way === 'on a server' ? [] : ['HOST stands for this registry: http.publicUrl would say its name here']),
    '',
  ]);
  expect((await scene.run('trust verify team-a/app:1.4')).code).toBe(3);
  expect((await scene.run('trust list --held')).stdout).toContain(`team-a/app:1.4  `);
  expect(await scene.run('trust release team-a/app:1.4 --reason incident-4711')).toEqual({
    code: 0,
    stdout: `released team-a/app@${digest}\nteam-a/app:1.4 points at ${digest}\n`,
    stderr: '',
  });
  expect((await scene.run('trust list')).stdout).toBe('nothing is held\n');
  const released = await scene.run('trust explain team-a/app:1.4');
  expect(released).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('team-a/app:1.4 is there for everybody\n'),
  });
  expect(released.stdout).toContain(': incident-4711\n');
  expect(released.stdout).toContain('what would satisfy its policy:\n');
});

test.each(WAYS)('an intended policy is tried on what is there, %s', async (way) => {
  await using scene = await aScene(way, [], {
    trust: { roots: { release: { keys: [join(folder, 'release.pub')] } } },
  });
  await scene.push('team-a/app', '1.4');
  await scene.push('team-b/app', '1');
  const policy = join(folder, `${way.replaceAll(' ', '-')}.yaml`);
  await writeFile(policy, 'policies: [{ repositories: "team-a/**", mode: strict, require: { root: release } }]');
  expect((await scene.run(`trust preview --policy ${policy}`)).stdout).toBe(`\
FATE    NOW      TAG             WHY
refuse  visible  team-a/app:1.4  it needs a signature with a key of release

refuse: 1 would be refused if it were pushed now
of 2 tags in 2 repositories 0 pass, and nothing is asked of 1
nothing was changed
`);
});

test('whom a strict policy refuses is told the same command', async () => {
  await using scene = await aGuardedScene('on the data', 'strict');
  await expect(scene.push('team-a/app', '1.4')).rejects.toThrow(
    "cosign sign --key '<private key of release.pub>' --use-signing-config=false --tlog-upload=false HOST/team-a/app@sha256:",
  );
  const pulled = await call(scene.gatehouse.url, { method: 'GET', path: '/v2/team-a/app/manifests/1.4' });
  expect(pulled.status).toBe(404);
});
