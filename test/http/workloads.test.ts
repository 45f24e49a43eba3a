import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { grant } from '#test/support/grants.ts';
import { aManifest, pushImage } from '#test/support/images.ts';
import { AUDIENCE, type Issuer, startIssuer } from '#test/support/issuer.ts';

let forge: Issuer;
let cluster: Issuer;
let gatehouse: Gatehouse;
beforeAll(async () => {
  [forge, cluster] = [await startIssuer({ clock: Date.now }), await startIssuer({ clock: Date.now })];
  gatehouse = await startGatehouse({
    access: {
      oidc: [
        {
          name: 'forge',
          issuer: forge.url,
          audience: AUDIENCE,
          user: 'forge:{repository}:{ref}',
          groups: { claim: 'teams', prefix: 'forge:' },
        },
        { name: 'cluster', issuer: cluster.url, audience: AUDIENCE, kind: 'kubernetes' },
      ],
    },
  });
  await pushImage(gatehouse.url, 'team-a/app', aManifest(), 'v1');
});
afterAll(async () => {
  await gatehouse.stop();
  await forge[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const job = (claims: object = {}) =>
  forge.token({ sub: 'job', repository: 'acme/app', ref: 'refs/heads/main', teams: ['builders'], ...claims });
const pod = () => cluster.token({ sub: 'system:serviceaccount:prod:web' });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`oidc:${token}`).toString('base64')}` });
const pull = async (headers: Record<string, string>) =>
  (await call(gatehouse.url, { method: 'GET', path: '/v2/team-a/app/manifests/v1', anonymous: true, headers })).status;

describe('a workload', () => {
  it('comes in with the token of its issuer, as Bearer and as the password of the user oidc', async () => {
    const token = await job();
    expect([await pull(bearer(token)), await pull(basic(token))]).toEqual([404, 404]);
    await grant(gatehouse.folder, {
      subject: 'forge:acme/app:refs/heads/main',
      role: 'registry-viewer',
      scope: 'team-a/',
    });
    expect([await pull(bearer(token)), await pull(basic(token))]).toEqual([200, 200]);
    expect(await pull(bearer(await job({ ref: 'refs/heads/other', teams: [] })))).toBe(404);
  });

  it('has what was granted to a group that its issuer vouches for', async () => {
    await grant(gatehouse.folder, {
      kind: 'group',
      subject: 'forge:builders',
      role: 'registry-viewer',
      scope: 'team-a/app',
    });
    expect(await pull(bearer(await job({ repository: 'acme/third' })))).toBe(200);
  });

  it('is a service account of Kubernetes by its own name', async () => {
    const subject = 'system:serviceaccount:prod:web';
    await grant(gatehouse.folder, { subject, role: 'registry-viewer', scope: 'team-a/app' });
    expect(await pull(bearer(await pod()))).toBe(200);
  });

  it('gets tokens of ours for it, that carry its groups and end with it', async () => {
    const token = await job({ repository: 'acme/fourth', exp: Math.floor(Date.now() / 1000) + 60 });
    const answer = await call(gatehouse.url, {
      method: 'GET',
      path: '/token?service=gatehouse&scope=repository:team-a/app:pull',
      anonymous: true,
      headers: basic(token),
    });
    const { token: ours, expires_in } = answer.json as { token: string; expires_in: number };
    expect(expires_in).toBeLessThanOrEqual(60);
    expect(await pull(bearer(ours))).toBe(200);
  });

  it('keeps no token of ours to come back with', async () => {
    const path = '/token?service=gatehouse&offline_token=true';
    const { json } = await call(gatehouse.url, { method: 'GET', path, anonymous: true, headers: basic(await job()) });
    expect(json).not.toHaveProperty('refresh_token');
  });

  it('with a token for somebody else stays out', async () => {
    expect(await pull(bearer(await job({ aud: 'https://elsewhere.example' })))).toBe(401);
    expect(await pull(basic(await job({ exp: 1 })))).toBe(401);
  });

  it('is told to come again while its issuer does not answer', async () => {
    const other = await startIssuer({ clock: Date.now });
    const third = await startGatehouse({
      access: { oidc: [{ name: 'other', issuer: other.url, audience: AUDIENCE, user: 'other:{sub}' }] },
    });
    try {
      const token = await other.token({ sub: 'x' });
      await other.stop();
      const path = '/v2/';
      const answer = await call(third.url, { method: 'GET', path, anonymous: true, headers: bearer(token) });
      expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
    } finally {
      await third.stop();
      await other[Symbol.asyncDispose]();
    }
  });
});
