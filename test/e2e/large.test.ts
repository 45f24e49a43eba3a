import { mkdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aRepository, describeClient, describeIfPossible } from '#test/support/clients.ts';
import { filesIn } from '#test/support/e2e-layout.ts';
import { useScene } from '#test/support/e2e-scene.ts';
import { faultsIn } from '#test/support/e2e-traffic.ts';

const GIB = 1024 ** 3;
const LAYER_BYTES = 2 * GIB;
// In the layout, in the registry, in the copy, and once more as the file of its layer.
const WANTED_BYTES = 4 * LAYER_BYTES + GIB;

const { bavail, bsize } = await statfs(tmpdir());
const freeBytes = bavail * bsize;
const tooFull =
  freeBytes < WANTED_BYTES
    ? `${tmpdir()} has ${Math.floor(freeBytes / GIB)} GiB free, and ${WANTED_BYTES / GIB} GiB are wanted`
    : undefined;

// The slow one: about a minute on two cores.
describeIfPossible('a layer of 2 GiB', tooFull, () => {
  describeClient(['skopeo', 'tar'], () => {
    const scene = useScene();

    it('goes up and comes down whole', async () => {
      const layout = await scene.aLayout({ layers: [LAYER_BYTES] });
      const here = await scene.aUserOf('skopeo');
      const remote = `docker://${scene.host}/${aRepository()}:1`;
      const traffic = await scene.watch();
      const patient = { limitSeconds: 240 };
      const up = ['copy', '--dest-tls-verify=false', '--preserve-digests', `oci:${layout.folder}:latest`, remote];
      await here.succeed('skopeo', up, patient);
      await layout.remove();
      const [copy, unpacked] = [join(here.folder, 'copy'), join(here.folder, 'unpacked')];
      await here.succeed('skopeo', ['copy', '--src-tls-verify=false', remote, `dir:${copy}`], patient);
      await mkdir(unpacked);
      const layer = join(copy, layout.layers[0]?.digest.slice('sha256:'.length) ?? '');
      await here.succeed('tar', ['--extract', '--file', layer, '--directory', unpacked], patient);
      await rm(copy, { recursive: true });
      expect(await filesIn(unpacked, layout.files)).toEqual(layout.files);
      expect(faultsIn(await traffic())).toEqual([]);
    });
  });
});
