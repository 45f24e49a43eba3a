import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aRepository, describeClient } from '#test/support/clients.ts';
import { held, tagsOf, useScene } from '#test/support/e2e-scene.ts';
import { faultsIn } from '#test/support/e2e-traffic.ts';

const PUSHES = 20;

describeClient(['skopeo', 'crane'], () => {
  const scene = useScene();

  it(`push one image ${PUSHES} times at once, and one copy of each blob is kept`, async () => {
    const layout = await scene.aLayout({ layers: [2_000_000, 500_000, 10] });
    const here = await scene.aUserOf(['skopeo', 'crane']);
    const repository = aRepository();
    const tags = Array.from({ length: PUSHES }, (_, index) => `t${String(index).padStart(2, '0')}`);
    const traffic = await scene.watch();
    await Promise.all(
      tags.map((tag, index) => {
        const remote = `${scene.host}/${repository}:${tag}`;
        if (index % 2 === 0) return here.succeed('crane', ['push', layout.folder, remote]);
        const options = ['--dest-tls-verify=false', '--preserve-digests'];
        return here.succeed('skopeo', ['copy', ...options, `oci:${layout.folder}:latest`, `docker://${remote}`]);
      }),
    );
    expect(faultsIn(await traffic())).toEqual([]);
    expect(await tagsOf(scene.url, repository)).toEqual(tags);
    expect((await held(scene.url, repository, 't00')).digest).toBe(layout.manifest.digest);
    for (const { digest } of [layout.config, ...layout.layers]) {
      const hex = digest.slice('sha256:'.length);
      const objects = await readdir(join(scene.storage, 'blobs/sha256', hex.slice(0, 2)));
      expect(objects.filter((name) => name.startsWith(hex))).toHaveLength(1);
    }
  });
});
