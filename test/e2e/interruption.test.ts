import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { withDocker } from '#test/support/e2e-docker.ts';
import { type LayerFile, type Layout, filesIn, sha256 } from '#test/support/e2e-layout.ts';
import { type Scene, held, useScene } from '#test/support/e2e-scene.ts';
import { faultsIn } from '#test/support/e2e-traffic.ts';
import { type Wire, aWireTo } from '#test/support/e2e-wire.ts';
import { AUTHORIZATION } from '#test/support/gatehouse.ts';

const MIB = 1024 * 1024;
// Clients go on where they were only if enough had arrived to make it worth while.
const LAYER_BYTES = 24 * MIB;
const CUT_BYTES = 9 * MIB;

/** How a client pushes a layout, and pulls an image and finds its files. */
interface Way {
  readonly programs: readonly string[];
  /** Whether a pull that is cut goes on where it was: podman from 4.4 and skopeo from 1.11 do, Debian 12's do not. */
  readonly resumes: 'always' | 'newer' | 'never';
  prepare?(here: Workstation): Promise<Workstation>;
  push(here: Workstation, layout: Layout, reference: string): Promise<readonly string[]>;
  /** Returns what lies in the files, compared by the caller with what the layout says. */
  pull(there: Workstation, layout: Layout, reference: string): Promise<readonly LayerFile[]>;
}

const blobsAsFiles = async (folder: string, { layers, files }: Layout): Promise<LayerFile[]> => {
  // Layers that hash to what they were hold the files that they held.
  for (const { digest } of layers)
    expect(`sha256:${sha256(await readFile(join(folder, digest.slice(7))))}`).toBe(digest);
  return [...files];
};

const WAYS: Record<string, Way> = {
  skopeo: {
    programs: ['skopeo'],
    resumes: 'newer',
    async push(_, { folder }, reference) {
      return ['copy', '--dest-tls-verify=false', '--preserve-digests', `oci:${folder}:latest`, `docker://${reference}`];
    },
    async pull(there, layout, reference) {
      const folder = join(there.folder, 'image');
      await there.succeed('skopeo', ['copy', '--src-tls-verify=false', `docker://${reference}`, `dir:${folder}`]);
      return await blobsAsFiles(folder, layout);
    },
  },
  podman: {
    programs: ['podman'],
    resumes: 'newer',
    async push(here, { folder }, reference) {
      const image = await here.succeed('podman', ['pull', '--quiet', `oci:${folder}:latest`]);
      return ['push', '--tls-verify=false', image, reference];
    },
    async pull(there, { files }, reference) {
      const image = await there.succeed('podman', ['pull', '--quiet', '--tls-verify=false', reference]);
      return await filesIn(await there.succeed('podman', ['image', 'mount', image]), files);
    },
  },
  docker: {
    programs: ['docker', 'dockerd', 'skopeo'],
    resumes: 'always',
    prepare: withDocker,
    async push(here, { folder }, reference) {
      const archive = join(here.folder, 'image.tar');
      await here.succeed('skopeo', ['copy', `oci:${folder}:latest`, `docker-archive:${archive}:${reference}`]);
      await here.succeed('docker', ['load', '--quiet', '--input', archive]);
      return ['push', reference];
    },
    async pull(there, { files }, reference) {
      await there.succeed('docker', ['pull', '--quiet', reference]);
      const container = await there.succeed('docker', ['create', '--network', 'none', reference, 'nothing']);
      for (const { name } of files) {
        await there.succeed('docker', ['cp', `${container}:/${name}`, join(there.folder, name)]);
      }
      return await filesIn(there.folder, files);
    },
  },
  regctl: {
    programs: ['regctl'],
    resumes: 'always',
    async push(_, { folder }, reference) {
      return ['image', 'copy', `ocidir://${folder}:latest`, reference];
    },
    async pull(there, layout, reference) {
      const folder = join(there.folder, 'image');
      await there.succeed('regctl', ['image', 'copy', reference, `ocidir://${folder}:1`]);
      return await blobsAsFiles(join(folder, 'blobs/sha256'), layout);
    },
  },
  crane: {
    programs: ['crane'],
    resumes: 'never',
    async push(_, { folder }, reference) {
      return ['push', folder, reference];
    },
    async pull(there, layout, reference) {
      const folder = join(there.folder, 'image');
      await there.succeed('crane', ['pull', '--format=oci', reference, folder]);
      return await blobsAsFiles(join(folder, 'blobs/sha256'), layout);
    },
  },
};

/** A registry behind a line that can break, and an image that lies there. */
function useBrokenLine(): { scene: Scene; wire: () => Wire; layout: () => Layout; repository: string } {
  const scene = useScene();
  const repository = aRepository();
  let wire: Wire;
  let layout: Layout;
  beforeAll(async () => {
    layout = await scene.aLayout({ layers: [LAYER_BYTES] });
  });
  beforeEach(async () => {
    wire = await aWireTo(scene.url);
    return () => wire.close();
  });
  return { scene, repository, wire: () => wire, layout: () => layout };
}

for (const [name, way] of Object.entries(WAYS)) {
  describeClient(way.programs, () => {
    const { scene, wire, layout, repository } = useBrokenLine();
    let here: Workstation;
    let there: Workstation;
    beforeAll(async () => {
      const open = async () => scene.keep((await way.prepare?.(await scene.aStranger())) ?? (await scene.aStranger()));
      [here, there] = await Promise.all([open(), open()]);
    });
    const logIn = async (workstation: Workstation): Promise<string> => {
      await workstation.logIn(name, wire().host);
      return `${wire().host}/${repository}:1`;
    };

    it('pushes again after its push was cut', async () => {
      const reference = await logIn(here);
      const command = await way.push(here, layout(), reference);
      const traffic = await scene.watch();
      wire().cut({ direction: 'up', afterBytes: CUT_BYTES, times: 1 });
      // Some try again by themselves; then this one succeeds already.
      await here.run(name, command, { limitSeconds: 120 });
      expect(wire().broken).toBe(1);
      await here.succeed(name, command, { limitSeconds: 120 });
      expect((await held(scene.url, repository, '1')).layers).toHaveLength(1);
      expect(faultsIn(await traffic())).toEqual([]);
    });

    it(`pulls the whole image although it was cut (goes on where it was: ${way.resumes})`, async () => {
      const reference = await logIn(there);
      const traffic = await scene.watch();
      wire().cut({ direction: 'down', afterBytes: CUT_BYTES, times: 1 });
      const pull = () => way.pull(there, layout(), reference);
      const first = await pull().catch((error: unknown) => error);
      expect(wire().broken).toBe(1);
      const gaveUp = first instanceof Error;
      expect(gaveUp ? first.message : 'EOF').toContain('EOF');
      expect(way.resumes === 'newer' ? [true, false] : [way.resumes === 'never']).toContain(gaveUp);
      expect(await traffic()).toMatchObject(gaveUp ? {} : { 'GET end-2 206': 1 });
      expect(gaveUp ? await pull() : first).toEqual(layout().files);
    });
  });
}

describeClient(['curl', 'crane'], () => {
  const { scene, wire, layout, repository } = useBrokenLine();
  let here: Workstation;
  beforeAll(async () => {
    here = await scene.aUserOf('crane');
    await here.succeed('crane', ['push', layout().folder, `${scene.host}/${repository}:1`]);
  });

  it('goes on where its download was cut, as often as it is', async () => {
    const [layer] = layout().layers;
    const url = `http://${wire().host}/v2/${repository}/blobs/${layer?.digest}`;
    const file = join(here.folder, 'layer');
    const download = [
      '--silent',
      '--show-error',
      '--fail',
      '--header',
      `Authorization: ${AUTHORIZATION}`,
      '--output',
      file,
    ];
    const traffic = await scene.watch();
    wire().cut({ direction: 'down', afterBytes: CUT_BYTES, times: 2 });
    await here.fail('curl', [...download, url]);
    await here.fail('curl', [...download, '--continue-at', '-', url]);
    await here.succeed('curl', [...download, '--continue-at', '-', url]);
    expect(`sha256:${sha256(await readFile(file))}`).toBe(layer?.digest);
    // The second attempt was cut as well, so its 206 is logged as a client that went away.
    expect(await traffic()).toMatchObject({ 'GET end-2 206': 1 });
  });
});
