import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { call } from '#test/support/client.ts';
import { type Running, type Workstation, aWorkstation, describeClient, stopProgram } from '#test/support/clients.ts';
import { exchangesIn, patternOf, settled } from '#test/support/transcript.ts';

const ROOT = join(import.meta.dirname, '../..');
const HOST = '127.0.0.1:5000';

describeClient('podman', () => {
  it('the walk-through of docs/retention.md answers what it says', async () => {
    const here = await aWorkstation();
    const started: Running[] = [];
    onTestFinished(async () => {
      for (const one of started) await stopProgram(one);
      await here.remove();
    });
    const host = `127.0.0.1:${await aFreePort()}`;
    const exchanges = exchangesIn(await readFile(join(ROOT, 'docs/retention.md'), 'utf8'));
    expect(exchanges.length).toBeGreaterThan(10);
    for (const { command, answer } of exchanges) {
      const typed = command.replaceAll(HOST, host).replaceAll('tryout/', `${here.folder}/tryout/`);
      const running = here.start('sh', ['-c', scriptOf(here, typed)], { folder: ROOT, limitSeconds: 280 });
      if (command.includes('./scripts/start')) {
        started.push(running);
        await untilAnswering(host, running);
        continue;
      }
      const { stdout } = await running.ended;
      const said = stdout.replaceAll(host, HOST).replaceAll(`${here.folder}/tryout/`, 'tryout/');
      expect(settled(said), command).toMatch(patternOf(answer));
    }
  });
});

/** What is typed, by somebody for whom podman is the workstation's. */
function scriptOf(here: Workstation, typed: string): string {
  const words = here.wordsOf('podman').map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  return `exec 2>&1\npodman() { ${words.join(' ')} "$@"; }\n${typed}`;
}

async function aFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('expected a port, found none');
  return address.port;
}

async function untilAnswering(host: string, { child, ended }: Running): Promise<void> {
  for (let attempt = 0; child.exitCode === null && attempt < 300; attempt += 1) {
    const answer = await call(`http://${host}`, { method: 'GET', path: '/v2/', anonymous: true }).catch(
      () => undefined,
    );
    if (answer?.status === 401) return;
    await wait(100);
  }
  child.kill();
  throw new Error(`expected a server within 30 s, found ${(await ended).stdout}`);
}
