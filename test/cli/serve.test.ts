import { once } from 'node:events';
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { gatehouse, start, temporaryPlace } from './process.ts';

const ANY_PORT = 'http: {listen: "127.0.0.1:0"}\n';
const URL_LOGGED = /"url":"(http:\/\/127\.0\.0\.1:\d+)"/;
const GREETING = /password {3}(\w{22})$/m;

function authorization(password: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` };
}

test('the first start shows a password once, and it opens the door', async () => {
  await using place = await temporaryPlace(ANY_PORT);
  const first = start(['serve', '--config', place.configFile]);
  const url = (await first.says(URL_LOGGED))[1] ?? '';
  const password = (await first.says(GREETING))[1] ?? '';
  const { host } = new URL(url);
  expect(first.stderr()).toContain(`podman login --tls-verify=false ${host} -u admin\n`);
  expect(first.stderr()).toContain(`podman push --tls-verify=false my-image ${host}/demo/my-image\n`);
  expect(first.stderr()).toContain(`podman pull --tls-verify=false ${host}/demo/my-image\n`);
  expect((await fetch(`${url}/v2/`)).status).toBe(401);
  expect((await fetch(`${url}/v2/`, { headers: authorization(password) })).status).toBe(200);
  first.child.kill('SIGTERM');
  expect((await first.outcome).code).toBe(0);
  expect(first.stderr().split(password)).toHaveLength(2);

  const second = start(['serve', '--config', place.configFile]);
  const again = (await second.says(URL_LOGGED))[1] ?? '';
  expect((await fetch(`${again}/v2/`, { headers: authorization(password) })).status).toBe(200);
  second.child.kill('SIGINT');
  expect((await second.outcome).code).toBe(0);
  expect(second.stderr()).toBe('');
});

test('with an authority of its own, the first start says how to trust it, and every start logs its fingerprint', async () => {
  await using place = await temporaryPlace('http: {listen: "127.0.0.1:0", tls: {mode: auto}}\n');
  const first = start(['serve', '--config', place.configFile]);
  const [, url = '', fingerprint = ''] = await first.says(/"url":"(https:[^"]+)","caFingerprint":"([0-9A-F:]{95})"/);
  await first.says(GREETING);
  const { host } = new URL(url);
  const bare = fingerprint.replaceAll(':', '').toLowerCase();
  expect(first.stderr()).toContain(
    `    ./scripts/trust-node ${host} --fingerprint ${bare}\n\n    podman login ${host}`,
  );
  expect(first.stderr()).not.toContain('--tls-verify');
  first.child.kill('SIGTERM');
  expect((await first.outcome).code).toBe(0);

  const second = start(['serve', '--config', place.configFile]);
  await second.says(new RegExp(`"caFingerprint":"${fingerprint}"`));
  second.child.kill('SIGTERM');
  expect((await second.outcome).code).toBe(0);
});

test('GATEHOUSE_ADMIN_PASSWORD is the first password, and is not shown', async () => {
  await using place = await temporaryPlace(ANY_PORT);
  const environment = { GATEHOUSE_ADMIN_PASSWORD: 'correct horse battery staple' };
  const running = start(['serve', '--config', place.configFile], environment);
  const url = (await running.says(URL_LOGGED))[1] ?? '';
  const headers = authorization('correct horse battery staple');
  expect((await fetch(`${url}/v2/`, { headers })).status).toBe(200);
  running.child.kill('SIGTERM');
  const { code, stdout, stderr } = await running.outcome;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).not.toContain('battery');
});

test('a port in use is one clear sentence, and the new password is shown all the same', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  await using place = await temporaryPlace(`http: {listen: "127.0.0.1:${port}"}\n`);
  const { code, stderr } = await gatehouse(['serve', '--config', place.configFile]);
  other.close();
  expect(code).toBe(1);
  expect(stderr).toMatch(GREETING);
  expect(stderr.trimEnd().split('\n').at(-1)).toBe(
    `gatehouse: port ${port} of 127.0.0.1 is in use: stop what runs there, or set http.listen to another port`,
  );
});

test('a configuration with problems starts nothing: exit code 2', async () => {
  await using place = await temporaryPlace('http: {listen: "0.0.0.0:5000"}\n');
  const { code, stderr } = await gatehouse(['serve', '--config', place.configFile]);
  expect(code).toBe(2);
  expect(stderr).toContain('http.listen: plain HTTP would leave this machine, and passwords with it');
});

test('a second signal ends it at once: exit code 1', async () => {
  await using place = await temporaryPlace(ANY_PORT);
  const running = start(['serve', '--config', place.configFile]);
  const url = (await running.says(URL_LOGGED))[1] ?? '';
  const password = (await running.says(GREETING))[1] ?? '';
  // An upload whose body does not end holds the first signal up.
  const hold = new AbortController();
  const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) });
  const digest = `sha256:${'0'.repeat(64)}`;
  const upload = fetch(`${url}/v2/demo/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    headers: authorization(password),
    body,
    duplex: 'half',
    signal: hold.signal,
  }).catch(() => undefined);
  await uploadArrived(url, password);
  running.child.kill('SIGTERM');
  await refused(url);
  expect(running.child.exitCode).toBeNull();
  running.child.kill('SIGTERM');
  expect((await running.outcome).code).toBe(1);
  hold.abort();
  await upload;
});

/** Resolves when the server has begun to work on another request than ours. */
async function uploadArrived(url: string, password: string): Promise<void> {
  // Credentials are checked in turn, so whoever is let in after the upload was sent comes after it.
  expect((await fetch(`${url}/v2/`, { headers: authorization(password) })).status).toBe(200);
}

/** Resolves when the server takes no new connection. */
async function refused(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/healthz`, { headers: { Connection: 'close' } }).catch(() => undefined);
    if (answer === undefined) return;
    await answer.arrayBuffer();
  }
}
