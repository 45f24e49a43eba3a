import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findKeys } from '#metadata/keys.ts';
import { aCertificate, anAuthority } from '#test/support/certificates.ts';
import { call, codesOf } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { grant, onItsData } from '#test/support/grants.ts';
import { aManifest } from '#test/support/images.ts';
import type { KeyPair } from '#tls/authority.ts';

let folder: string;
let authority: KeyPair;
let gatehouse: Gatehouse;
let ca: string;
const CI = 'spiffe://example.org/ci';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certificates-'));
  authority = await anAuthority();
  await writeFile(join(folder, 'clients.pem'), authority.certificate);
  gatehouse = await startGatehouse({
    http: {
      tls: {
        mode: 'auto',
        auto: { names: ['127.0.0.1'] },
        clientCertificates: {
          authority: join(folder, 'clients.pem'),
          identities: [{ from: 'uri', match: 'spiffe://example.org/*' }],
        },
      },
    },
  });
  const [own] = await onItsData(gatehouse.folder, (metadata) => findKeys(metadata, 'certificate-authority', 0));
  ca = own?.certificate ?? '';
  await grant(gatehouse.folder, { subject: `cert:${CI}`, role: 'registry-editor', scope: 'team-a/' });
});
afterAll(async () => {
  await gatehouse.stop();
  await rm(folder, { recursive: true });
});

const shown = async (uri: string, by: KeyPair = authority) => ({
  ca,
  anonymous: true,
  identity: await aCertificate(by, { names: [{ type: 'url', value: uri }] }),
});
const statusOf = async (path: string, rest: object) =>
  (await call(gatehouse.url, { method: 'GET', path, ...rest })).status;

it('the authority is shown to anyone', async () => {
  const path = '/.well-known/gatehouse/ca.pem';
  expect((await call(gatehouse.url, { method: 'GET', path, ca, anonymous: true })).text.trim()).toBe(ca.trim());
});

describe('a client certificate', () => {
  it('says who somebody is, and what was granted to that name is theirs', async () => {
    const image = aManifest({ layers: 0 });
    const rest = await shown(CI);
    const [config] = image.blobs;
    for (const [repository, want] of [
      ['team-a/app', 201],
      ['team-b/app', 403],
    ] as const) {
      const path = `/v2/${repository}/blobs/uploads/?digest=${config?.digest}`;
      const answer = await call(gatehouse.url, { method: 'POST', path, body: config?.bytes ?? '', ...rest });
      expect(answer.status).toBe(want);
    }
    expect(await statusOf('/v2/', rest)).toBe(200);
  });

  it('is asked for a token like a password is', async () => {
    const answer = await call(gatehouse.url, {
      method: 'GET',
      path: '/token?scope=repository:team-a/app:pull,push',
      ...(await shown(CI)),
    });
    expect(answer.status).toBe(200);
    const { token } = answer.json as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    expect(await statusOf('/v2/team-a/app/tags/list', { ca, anonymous: true, headers })).toBe(200);
  });

  it.each([
    ['of another authority', async () => await shown(CI, await anAuthority())],
    ['for a name that no rule takes', async () => await shown('spiffe://example.com/ci')],
  ])('%s says nothing', async (_, given) => {
    const answer = await call(gatehouse.url, { method: 'GET', path: '/v2/', ...(await given()) });
    expect([answer.status, codesOf(answer)]).toEqual([401, ['UNAUTHORIZED']]);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="https:\/\/127\.0\.0\.1:/);
  });

  it('does not make up for a wrong password beside it', async () => {
    const headers = { authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` };
    expect(await statusOf('/v2/', { ...(await shown(CI)), headers })).toBe(401);
  });
});
