import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addSimpleSignature } from '#metadata/simple-signatures.ts';
import { call } from '#test/support/client.ts';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { type Layout, aMultiPlatformLayout } from '#test/support/e2e-layout.ts';
import { KEY, aSigner, believe } from '#test/support/e2e-openpgp.ts';
import { usePeople } from '#test/support/e2e-people.ts';
import { type Scene, held, useScene } from '#test/support/e2e-scene.ts';
import { grant, onItsData } from '#test/support/grants.ts';

const PLAIN = '--tls-verify=false';
const UP = ['--dest-tls-verify=false', '--preserve-digests'];
const DOWN = '--src-tls-verify=false';
const UNSIGNED = /signature was required, but no signature exists/i;

interface Entry {
  readonly name: string;
  readonly content: string;
}

async function signaturesOf(scene: Scene, repository: string, digest: string): Promise<Entry[]> {
  const path = `/extensions/v2/${repository}/signatures/${digest}`;
  const { json } = await call(scene.url, { method: 'GET', path });
  return (json as { signatures: Entry[] }).signatures;
}

describeClient(['gpg', 'podman', 'skopeo'], () => {
  describe('where the extension is on', () => {
    const scene = useScene({ trust: { simpleSigning: { extension: true } } });
    const people = usePeople(scene);
    let layout: Layout;
    let signer: Workstation;
    let node: Workstation;
    let trusting: Workstation;
    beforeAll(async () => {
      layout = await scene.aLayout();
      signer = await aSigner(await scene.aUserOf(['skopeo', 'podman']));
      const viewer = await people.aUser(['registry-viewer', 'e2e/']);
      node = await scene.aUserOf(['podman', 'skopeo'], scene.host, viewer);
      trusting = await scene.aUserOf(['podman', 'skopeo'], scene.host, viewer);
      await believe(node, scene.host, signer);
    });
    afterAll(() => signer.run('gpgconf', ['--kill', 'all']));

    const remote = (repository: string, tag = '1'): string => `${scene.host}/${repository}:${tag}`;
    const copyUp = (repository: string, ...options: string[]): Promise<string> =>
      signer.succeed('skopeo', [
        'copy',
        ...UP,
        ...options,
        `oci:${layout.folder}:latest`,
        `docker://${remote(repository)}`,
      ]);
    const pull = (who: Workstation, repository: string): Promise<string> =>
      who.succeed('podman', ['pull', '--quiet', PLAIN, remote(repository)]);

    it('skopeo signs what it copies here, and a node that wants the signature pulls it', async () => {
      const repository = aRepository();
      await copyUp(repository, '--sign-by', KEY);
      expect(await signaturesOf(scene, repository, layout.manifest.digest)).toHaveLength(1);
      await pull(node, repository);
    });

    it('podman signs what it pushes, and a node that wants the signature pulls it', async () => {
      const repository = aRepository();
      const image = await signer.succeed('podman', ['pull', '--quiet', `oci:${layout.folder}:latest`]);
      await signer.succeed('podman', ['push', PLAIN, '--sign-by', KEY, image, remote(repository)]);
      const { digest } = await held(scene.url, repository, '1');
      expect(await signaturesOf(scene, repository, digest)).toHaveLength(1);
      await pull(node, repository);
    });

    it('a node that wants the signature refuses what has none, and what somebody else signed', async () => {
      const [unsigned, foreign] = [aRepository(), aRepository()];
      await copyUp(unsigned);
      expect(await node.fail('podman', ['pull', PLAIN, remote(unsigned)])).toMatch(UNSIGNED);
      const stranger = await aSigner(await scene.aUserOf('skopeo'));
      const up = ['copy', ...UP, '--sign-by', KEY, `oci:${layout.folder}:latest`, `docker://${remote(foreign)}`];
      await stranger.succeed('skopeo', up);
      await stranger.run('gpgconf', ['--kill', 'all']);
      expect(await node.fail('podman', ['pull', PLAIN, remote(foreign)])).toMatch(
        /invalid signature|not accepted|rejected/i,
      );
      expect(await signaturesOf(scene, foreign, layout.manifest.digest)).toHaveLength(1);
    });

    it('a node refuses what was signed as another image', async () => {
      const [signed, other] = [aRepository(), aRepository()];
      await copyUp(signed, '--sign-by', KEY);
      await copyUp(other);
      const { json } = await call(scene.url, {
        method: 'GET',
        path: `/extensions/v2/${signed}/signatures/${layout.manifest.digest}`,
      });
      const [signature] = (json as { signatures: object[] }).signatures;
      const moved = await call(scene.url, {
        method: 'PUT',
        path: `/extensions/v2/${other}/signatures/${layout.manifest.digest}`,
        body: JSON.stringify(signature),
      });
      expect(moved.status).toBe(201);
      expect(await node.fail('podman', ['pull', PLAIN, remote(other)])).toMatch(/is not accepted/);
    });

    it('whoever wants no signature pulls and copies what has none, and what has one', async () => {
      const [unsigned, signed, copy] = [aRepository(), aRepository(), aRepository()];
      await copyUp(unsigned);
      await copyUp(signed, '--sign-by', KEY);
      for (const repository of [unsigned, signed]) await pull(trusting, repository);
      // Signatures go along.
      await signer.succeed('skopeo', ['copy', DOWN, ...UP, `docker://${remote(signed)}`, `docker://${remote(copy)}`]);
      const [copied, original] = await Promise.all(
        [copy, signed].map((of) => signaturesOf(scene, of, layout.manifest.digest)),
      );
      expect(copied?.map(({ content }) => content)).toEqual(original?.map(({ content }) => content));
      expect(copied).toHaveLength(1);
    });

    it('nobody in particular pulls what everybody may, with or without a signature', async () => {
      const [unsigned, signed] = [aRepository(), aRepository()];
      await copyUp(unsigned);
      await copyUp(signed, '--sign-by', KEY);
      const stranger = await scene.aStranger();
      for (const scope of [unsigned, signed]) {
        const kind = { kind: 'group', subject: 'system:anonymous', role: 'registry-viewer', scope } as const;
        await grant(join(scene.database, '..'), kind);
        await pull(stranger, scope);
      }
      await believe(stranger, scene.host, signer);
      await pull(stranger, signed);
      expect(await stranger.fail('podman', ['pull', PLAIN, remote(unsigned)])).toMatch(UNSIGNED);
    });

    it('signs an image for several platforms, each of them', async () => {
      const several = scene.keep(await aMultiPlatformLayout(['amd64', 'arm64']));
      const repository = aRepository();
      const [from, to] = [`oci:${several.folder}:latest`, `docker://${remote(repository)}`];
      await signer.succeed('skopeo', ['copy', '--all', ...UP, '--sign-by', KEY, from, to]);
      const { digest, document } = await held(scene.url, repository, '1');
      for (const one of [digest, ...(document.manifests ?? []).map((child) => child.digest)]) {
        expect([one, await signaturesOf(scene, repository, one)]).toEqual([one, [expect.anything()]]);
      }
      await pull(node, repository);
    });

    it('signing again adds nothing that is there, and a second signature beside the first', async () => {
      const repository = aRepository();
      await copyUp(repository, '--sign-by', KEY);
      const [first] = await signaturesOf(scene, repository, layout.manifest.digest);
      await copyUp(repository, '--sign-by', KEY);
      const [again, second, ...others] = await signaturesOf(scene, repository, layout.manifest.digest);
      expect([again, others]).toEqual([first, []]);
      expect(second?.name).not.toBe(first?.name);
    });

    it('whoever may only pull signs nothing here', async () => {
      const repository = aRepository();
      await copyUp(repository);
      const path = `/extensions/v2/${repository}/signatures/${layout.manifest.digest}`;
      const body = JSON.stringify({
        schemaVersion: 2,
        name: `${layout.manifest.digest}@${'0'.repeat(32)}`,
        content: 'o2Y=',
      });
      const viewer = await people.aUser(['registry-viewer', 'e2e/']);
      const authorization = `Basic ${Buffer.from(`${viewer.name}:${viewer.password}`).toString('base64')}`;
      const answer = await call(scene.url, { method: 'PUT', path, body, anonymous: true, headers: { authorization } });
      expect(answer.status).toBe(403);
    });
  });

  describe('where only the lookaside store is on', () => {
    const scene = useScene({ trust: { simpleSigning: { lookaside: true } } });
    let signer: Workstation;
    beforeAll(async () => {
      signer = await aSigner(await scene.aUserOf('skopeo'));
    });
    afterAll(() => signer.run('gpgconf', ['--kill', 'all']));

    it('a node that was told where it is pulls what is signed, and refuses what is not', async () => {
      const layout = await scene.aLayout();
      const [signed, unsigned] = [aRepository(), aRepository()];
      const folder = join(scene.database, '..');
      await grant(folder, { kind: 'group', subject: 'system:anonymous', role: 'registry-viewer', scope: 'e2e/' });
      for (const repository of [signed, unsigned]) {
        const to = `docker://${scene.host}/${repository}:1`;
        await signer.succeed('skopeo', ['copy', ...UP, `oci:${layout.folder}:latest`, to]);
      }
      const { digest } = layout.manifest;
      const file = join(signer.folder, 'signature');
      const manifest = join(layout.folder, 'blobs/sha256', digest.slice('sha256:'.length));
      const sign = ['standalone-sign', manifest, `${scene.host}/${signed}:1`, KEY, '--output', file];
      await signer.succeed('skopeo', sign);
      const content = (await readFile(file)).toString('base64');
      const row = { repository: signed, digest, name: `${digest}@${'0'.repeat(32)}`, content, by: 'a test' } as const;
      await onItsData(folder, (metadata) =>
        addSimpleSignature(metadata, { ...row, digest: row.digest as `sha256:${string}` }, 1),
      );

      const node = await scene.aStranger();
      await believe(node, scene.host, signer);
      const pull = ['pull', PLAIN, `${scene.host}/${signed}:1`];
      expect(await node.fail('podman', pull)).toMatch(UNSIGNED);
      await mkdir(join(node.folder, '.config/containers/registries.d'));
      const where = `docker:\n  ${scene.host}:\n    lookaside: ${scene.url}/lookaside\n`;
      await writeFile(join(node.folder, '.config/containers/registries.d/here.yaml'), where);
      await node.succeed('podman', pull);
      expect(await node.fail('podman', ['pull', PLAIN, `${scene.host}/${unsigned}:1`])).toMatch(UNSIGNED);
    });
  });
});
