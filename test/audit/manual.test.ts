import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { post } from '#audit/webhooks/post.ts';
import { EVENT_KINDS } from '#metadata/events.ts';
import { aWebhook } from '#test/support/events.ts';
import { aReceiver } from '#test/support/receiver.ts';

const text = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8');

describe('docs/audit.md', () => {
  it('has every kind of event in its table, and no other', () => {
    const table = text.slice(text.indexOf('| kind |'), text.indexOf('## How long'));
    const kinds = Array.from(table.matchAll(/^\| `([a-z.-]+)`/gm), ([, kind]) => String(kind));
    expect(new Set(kinds)).toEqual(new Set(EVENT_KINDS));
    expect(kinds).toHaveLength(EVENT_KINDS.length);
  });

  it('shows a receiver that takes what we sign, and nothing else', async () => {
    const code = /```js\n(.*?)```/s.exec(text)?.[1] ?? '';
    const free = await aReceiver();
    await free.close();
    const { port } = new URL(free.url);
    const folder = await mkdtemp(join(tmpdir(), 'gatehouse-receiver-'));
    const file = join(folder, 'receiver.mjs');
    await writeFile(file, `${code.replace('8080', `${port}, () => console.log('ready')`)}`);
    const secret = `whsec_${Buffer.alloc(32, 251).toString('base64')}`;
    const receiver = spawn(process.execPath, [file], { env: { HOOK_SECRET: secret }, timeout: 15_000 });
    await once(receiver.stdout, 'data');

    const attempt = (webhook: object, now: number) =>
      post(aWebhook(free.url, webhook), {
        id: '1',
        body: { contentType: 'application/json', text: '{"type":"ü"}' },
        now,
        signal: new AbortController().signal,
      });
    const said = once(receiver.stdout, 'data');
    expect(await attempt({ secret }, Date.now())).toBeUndefined();
    expect(String(await said)).toBe('1 ü\n');
    expect(await attempt({}, Date.now())).toBe('401');
    expect(await attempt({ secret }, Date.now() - 600_000)).toBe('401');
    receiver.kill();
    await once(receiver, 'close');
    await rm(folder, { recursive: true });
  });
});
