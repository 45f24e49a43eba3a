import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { call } from '#test/support/client.ts';
import { type Login, type Workstation, describeClient } from '#test/support/clients.ts';
import { aKeyPair, aPlace, expectAbsent, expectPulled, signingWith, useGate } from '#test/support/e2e-gate.ts';
import type { Layout } from '#test/support/e2e-layout.ts';

const POLICY = { repositories: 'team-a/shop/**', mode: 'hold', pull: 'enforce', require: { root: 'release' } };
const INTENDED = `
trust:
  policies:
    - { repositories: team-a/shop/**, mode: hold, pull: enforce, require: { root: release } }
`;
const SECONDS = { timeout: 20_000, interval: 250 };

describeClient(['cosign', 'podman', 'skopeo', 'crane', 'oras'], () => {
  const gate = useGate(async (smith) => ({
    roots: { release: { keys: [await aKeyPair(smith, 'release')] } },
    policies: [],
  }));
  const { scene } = gate;
  let editor: Workstation & Login;
  let signer: Workstation;
  let viewer: Workstation;
  beforeAll(async () => {
    editor = await gate.aPerson('registry-editor');
    signer = await gate.aPerson('registry-signer');
    viewer = await gate.aPerson('registry-viewer');
  });
  const remote = (image: string): string => `${scene.host}/${image}`;
  const push = async (image: string): Promise<Layout> => {
    const layout = await scene.aLayout();
    const up = ['copy', '--dest-tls-verify=false', '--preserve-digests'];
    await editor.succeed('skopeo', [...up, `oci:${layout.folder}:latest`, `docker://${remote(image)}`]);
    return layout;
  };
  const sign = (image: string): Promise<string> =>
    signer.succeed('cosign', [...signingWith(join(gate.safe, 'release.key')), remote(image)]);
  /** The line of what was printed that speaks of an image. */
  const lineOf = (text: string, image: string): string => text.split('\n').find((line) => line.includes(image)) ?? '';

  it('previews a policy, switches it on, lists what it holds, and lets one pass', async () => {
    const [signed, unsigned] = [`${aPlace('shop')}:1.4`, `${aPlace('shop')}:1.4`];
    const layouts = { signed: await push(signed), unsigned: await push(unsigned) };
    await sign(signed);
    const file = join(gate.safe, 'intended.yaml');
    await writeFile(file, INTENDED);

    const preview = await gate.gatehouse('trust', 'preview', '--policy', file, '--repository', 'team-a/shop/**');
    expect(lineOf(preview, unsigned)).toMatch(/^block +visible +.*it needs a signature with a key of release/);
    expect(lineOf(preview, signed)).toBe('');
    expect(preview).toMatch(/of 2 tags in 2 repositories 1 pass, and nothing is asked of 0\nnothing was changed$/);
    await expectPulled(viewer, remote(unsigned), layouts.unsigned);

    await gate.configure((trust) => trust.policies.push(POLICY));
    await expect.poll(async () => (await viewer.run('crane', ['digest', remote(unsigned)])).code, SECONDS).not.toBe(0);
    await expectAbsent(viewer, remote(unsigned));
    await expectPulled(viewer, remote(signed), layouts.signed);

    const image = signed.replace('1.4', '1.5');
    const fresh = await push(image);
    const { digest } = fresh.manifest;
    const held = await gate.gatehouse('trust', 'list', '--held');
    expect(lineOf(held, image)).toMatch(
      new RegExp(`${editor.name} .*${digest} +it needs a signature with a key of release`),
    );
    expect(held).not.toContain(signed);
    expect(await gate.gatehouse('trust', 'list', '--held', '--repository', unsigned.replace(':1.4', ''))).toBe(
      'nothing is held',
    );
    await expectAbsent(viewer, remote(image));

    const reason = 'signing is down, incident 4711';
    const authorization = `Basic ${Buffer.from(`${editor.name}:${editor.password}`).toString('base64')}`;
    const [repository = '', tag] = image.split(':');
    const refused = await call(scene.url, {
      method: 'POST',
      path: '/api/v1/trust/release',
      body: JSON.stringify({ repository, tag, reason }),
      anonymous: true,
      headers: { authorization, 'content-type': 'application/json' },
    });
    expect(refused.status).toBe(403);
    expect(await gate.run('trust', 'release', image)).toMatchObject({ code: 2 });
    await expectAbsent(viewer, remote(image));

    const released = await gate.gatehouse('trust', 'release', image, '--reason', reason);
    expect(released).toBe(`released ${repository}@${digest}\n${image} points at ${digest}`);
    await expectPulled(viewer, remote(image), fresh);
    expect(await gate.gatehouse('trust', 'list', '--held')).toBe('nothing is held');
    expect(await gate.gatehouse('trust', 'explain', image)).toMatch(
      new RegExp(`^${image} is there for everybody\n[^]*released +by admin .*: ${reason}`),
    );
    const audit = await gate.gatehouse('audit', '--repository', repository, '--json');
    const events = audit
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; actor: string; reason?: string });
    expect(events).toContainEqual(expect.objectContaining({ kind: 'tag.release', actor: 'admin', reason }));
  });
});
