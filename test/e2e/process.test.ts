import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { call } from '#test/support/client.ts';
import { type Ending, type Workstation, aRepository, aWorkstation, describeClient } from '#test/support/clients.ts';
import { type Layout, aLayout, sha256 } from '#test/support/e2e-layout.ts';
import { held } from '#test/support/e2e-scene.ts';
import { type ServerProcess, aServerProcess } from '#test/support/e2e-server.ts';
import { aWireTo } from '#test/support/e2e-wire.ts';
import { AUTHORIZATION } from '#test/support/gatehouse.ts';
import { aBlob, pushBlob } from '#test/support/images.ts';

const MIB = 1024 * 1024;

let server: ServerProcess;
let here: Workstation;
beforeEach(async () => {
  [server, here] = await Promise.all([aServerProcess(), aWorkstation()]);
  await server.start();
  return async () => {
    await server.remove();
    await here.remove();
  };
});

async function until(what: string, holds: () => Promise<boolean>, limitSeconds = 20): Promise<void> {
  for (let attempt = 0; attempt < limitSeconds * 20; attempt += 1) {
    if (await holds()) return;
    await wait(50);
  }
  throw new Error(`expected ${what} within ${limitSeconds} s`);
}

async function isRefused(host: string): Promise<boolean> {
  const { hostname, port } = new URL(`http://${host}`);
  const socket = connect(Number(port), hostname);
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    });
  } finally {
    socket.destroy();
  }
}

describeClient('curl', () => {
  it('SIGTERM cuts nothing that was accepted, and lets nothing new in', async () => {
    const pulled = aBlob({ bytes: randomBytes(48 * MIB) });
    const pushed = aBlob({ bytes: randomBytes(24 * MIB) });
    const repository = aRepository();
    await pushBlob(server.url, repository, pulled);
    await writeFile(join(here.folder, 'pushed'), pushed.bytes);
    const { headers } = await call(server.url, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` });
    const curl = ['--silent', '--show-error', '--fail', '--header', `Authorization: ${AUTHORIZATION}`];
    const upload = ['--limit-rate', '6M', '--upload-file', join(here.folder, 'pushed'), '--output', '/dev/null'];
    const download = ['--limit-rate', '12M', '--output', join(here.folder, 'pulled')];
    const transfers = [
      here.start('curl', [
        ...curl,
        ...upload,
        '--write-out',
        '%{http_code}',
        `${server.url}${headers.location}?digest=${pushed.digest}`,
      ]),
      here.start('curl', [...curl, ...download, `${server.url}/v2/${repository}/blobs/${pulled.digest}`]),
    ];
    await until('two transfers under way', async () => (await server.inFlight()) === 2);
    server.signal('SIGTERM');
    await until('new connections to be refused', () => isRefused(server.host));
    expect(transfers.map(({ child }) => child.exitCode)).toEqual([null, null]);
    const [up, down] = await Promise.all(transfers.map(({ ended }) => ended));
    expect([up, down]).toEqual([
      { code: 0, stdout: '201', stderr: '' },
      { code: 0, stdout: '', stderr: '' },
    ]);
    expect((await server.ended()).code).toBe(0);
    expect(sha256(await readFile(join(here.folder, 'pulled')))).toBe(sha256(pulled.bytes));
    await server.start();
    const again = await call(server.url, { method: 'GET', path: `/v2/${repository}/blobs/${pushed.digest}` });
    expect([again.status, sha256(again.bytes)]).toEqual([200, sha256(pushed.bytes)]);
  });
});

describeClient('crane', () => {
  const layouts: Layout[] = [];
  afterEach(async () => {
    for (const { remove } of layouts.splice(0)) await remove();
  });

  it('kill -9 in the middle of pushes loses nothing that was acknowledged', async () => {
    const repository = aRepository();
    for (const mebibytes of [1, 1, 2, 4, 24, 24]) layouts.push(await aLayout({ layers: [mebibytes * MIB, 1000] }));
    const wire = await aWireTo(server.url);
    wire.limit(4 * MIB);
    await here.logIn('crane', wire.host);
    const endings = new Map<number, Ending>();
    const pushes = layouts.map(async ({ folder }, index) => {
      endings.set(index, await here.run('crane', ['push', folder, `${wire.host}/${repository}:t${index}`]));
    });
    await until('some pushes to be done', async () => endings.size >= 2);
    server.signal('SIGKILL');
    await server.ended();
    await Promise.all(pushes);
    await wire.close();
    const done = [...endings].filter(([, { code }]) => code === 0).map(([index]) => index);
    expect(done.length).toBeGreaterThanOrEqual(2);
    expect(done.length).toBeLessThan(layouts.length);

    await server.start();
    const { stdout } = await server.command('verify', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ missing: [], corrupt: [] });
    for (const index of done) {
      expect((await held(server.url, repository, `t${index}`)).digest).toBe(layouts[index]?.manifest.digest);
    }
    await here.logIn('crane', server.host);
    for (const [index, { folder, manifest }] of layouts.entries()) {
      await here.succeed('crane', ['push', folder, `${server.host}/${repository}:t${index}`]);
      expect((await held(server.url, repository, `t${index}`)).digest).toBe(manifest.digest);
    }
  });
});
