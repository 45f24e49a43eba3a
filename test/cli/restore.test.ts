import { expect, test } from 'vitest';
import { call } from '../support/client.ts';
import { aManifest, pushImage } from '../support/images.ts';
import { WAYS, aScene } from './scene.ts';

const R = 'team-a/app';

test.each(WAYS)('a deleted manifest comes back with its tag and its signature, %s', async (way) => {
  await using scene = await aScene(way);
  const { url } = scene.gatehouse;
  const image = await scene.push(R, '1.3');
  const { mediaType, digest, bytes } = image;
  const signature = aManifest({ fields: { subject: { mediaType, digest, size: bytes.length } } });
  await pushImage(url, R, signature);
  for (const gone of [signature, image]) {
    await call(url, { method: 'DELETE', path: `/v2/${R}/manifests/${gone.digest}` });
  }
  const restored = await scene.run(`restore ${R}@${digest}`);
  expect(restored).toEqual({
    code: 0,
    stdout: `brought back ${R}@${digest}\nbrought back ${R}@${signature.digest}\n${R}:1.3 points at ${digest}\n`,
    stderr: '',
  });
  const referrers = await call(url, { method: 'GET', path: `/v2/${R}/referrers/${digest}` });
  expect(referrers.json).toMatchObject({ manifests: [{ digest: signature.digest }] });
  expect((await call(url, { method: 'GET', path: `/v2/${R}/manifests/1.3` })).bytes).toEqual(bytes);
});

test.each(WAYS)('a deleted tag comes back once, %s', async (way) => {
  await using scene = await aScene(way);
  const { digest } = await scene.push(R, '1.3');
  await call(scene.gatehouse.url, { method: 'DELETE', path: `/v2/${R}/manifests/1.3` });
  expect((await scene.run(`restore ${R}:1.3`)).stdout).toBe(`${R}:1.3 points at ${digest}\n`);
  expect(await scene.run(`restore ${R}:1.3`)).toEqual({
    code: 1,
    stdout: '',
    stderr: 'gatehouse: it is here: there is nothing to restore\n',
  });
  expect((await scene.run(`restore ${R}:1.2`)).stderr).toBe('gatehouse: there never was such a tag or revision here\n');
});
