import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '#test/support/client.ts';
import { type Login, type Workstation, aWorkstation } from '#test/support/clients.ts';
import { usePeople } from '#test/support/e2e-people.ts';
import { type ServerProcess, aServerProcess } from '#test/support/e2e-server.ts';
import { aManifest, pushImage } from '#test/support/images.ts';
import { aSigner, bundleFor } from '#test/support/signing.ts';

const REPOSITORY = 'team-a/app';

describe('a server with a gate that is killed', () => {
  const signer = aSigner();
  let here: Workstation;
  let server: ServerProcess;
  let viewer: Login;
  beforeAll(async () => {
    here = await aWorkstation();
    const file = join(here.folder, 'release.pub');
    await writeFile(file, signer.publicPem);
    const policies = [{ repositories: 'team-a/**', mode: 'hold', require: { root: 'release' } }];
    server = await aServerProcess({ trust: { roots: { release: { keys: [file] } }, policies } });
    await server.start();
  });
  const people = usePeople({
    get database() {
      return join(server.folder, 'gatehouse.sqlite');
    },
  });
  beforeAll(async () => {
    viewer = await people.aUser(['registry-viewer', 'team-a/']);
  });
  afterAll(async () => {
    await server.remove();
    await here.remove();
  });

  const killAndStart = async (): Promise<void> => {
    server.signal('SIGKILL');
    await server.ended();
    await server.start();
  };
  const seen = async (tag: string): Promise<unknown> => {
    const authorization = `Basic ${Buffer.from(`${viewer.name}:${viewer.password}`).toString('base64')}`;
    const path = `/v2/${REPOSITORY}/manifests/${tag}`;
    const { status, headers } = await call(server.url, {
      method: 'HEAD',
      path,
      anonymous: true,
      headers: { authorization },
    });
    return status === 200 ? headers['docker-content-digest'] : status;
  };

  it('holds what it held, and publishes what was signed before it could say so', async () => {
    const [unsigned, signed] = [aManifest(), Array.from({ length: 3 }, () => aManifest())];
    await pushImage(server.url, REPOSITORY, unsigned, 'unsigned');
    for (const [index, image] of signed.entries()) {
      await pushImage(server.url, REPOSITORY, image, `signed-${index}`);
      expect(await pushImage(server.url, REPOSITORY, bundleFor(image, signer))).toMatchObject({ status: 201 });
      // Whether it was judged by then is anybody's guess.
      await killAndStart();
      await expect.poll(() => seen(`signed-${index}`), { timeout: 2500, interval: 20 }).toBe(image.digest);
    }
    expect(await seen('unsigned')).toBe(404);
    await pushImage(server.url, REPOSITORY, bundleFor(unsigned, signer));
    await expect.poll(() => seen('unsigned'), { timeout: 2500, interval: 20 }).toBe(unsigned.digest);
  });
});
