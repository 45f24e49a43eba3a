import { SignJWT, base64url, exportSPKI, importJWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { openOidc } from '#access/oidc.ts';
import { oidcOptions } from '#access/oidc-options.ts';
import { AUDIENCE, KEYS_PATH, type SigningKey, makeKey } from '#test/support/issuer.ts';
import { GITHUB_CLAIMS, MINUTE, START, openScene, outcome, refusal } from './oidc-scene.ts';

describe('a token of an issuer', () => {
  test('stands for the name its claims make, as those of GitHub Actions', async () => {
    const conditions = { repository: 'octo-org/*', ref: ['refs/heads/main', 'refs/tags/v*'] };
    await using scene = await openScene({ user: 'github:{repository}:{ref}', conditions });
    const token = await scene.issuer.token(GITHUB_CLAIMS);
    expect(scene.oidc.isForUs(token)).toBe(true);
    expect(await scene.oidc.verify(token)).toEqual({
      name: 'github:octo-org/app:refs/heads/main',
      groups: [],
      issuer: 'ci',
      expiresAt: START + 5 * MINUTE,
    });
  });

  test('brings the groups the issuer vouches for, as those of GitLab', async () => {
    await using scene = await openScene({
      user: 'gitlab:{project_path}',
      groups: { claim: 'groups_direct', prefix: 'gitlab:' },
      conditions: { ref_protected: 'true', namespace_path: 'acme' },
    });
    const token = await scene.issuer.token({
      sub: 'project_path:acme/api:ref_type:branch:ref:main',
      project_path: 'acme/api',
      namespace_path: 'acme',
      ref_protected: 'true',
      groups_direct: ['acme', 'acme/builders'],
    });
    expect(await scene.oidc.verify(token)).toMatchObject({
      name: 'gitlab:acme/api',
      groups: ['gitlab:acme', 'gitlab:acme/builders'],
    });
  });

  test('stands for a Kubernetes service account, by the name it has there', async () => {
    await using scene = await openScene({ kind: 'kubernetes', conditions: { 'kubernetes.io.namespace': 'team-a' } });
    const token = await scene.issuer.token({
      aud: [AUDIENCE],
      sub: 'system:serviceaccount:team-a:puller.v2',
      'kubernetes.io': { namespace: 'team-a', serviceaccount: { name: 'puller.v2', uid: '0' } },
    });
    expect(await scene.oidc.verify(token)).toMatchObject({
      name: 'system:serviceaccount:team-a:puller.v2',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:team-a'],
    });
  });

  test.each(['RS256', 'PS256', 'EdDSA', 'RS384', 'RS512', 'ES384', 'ES512'])(
    'may be signed with %s',
    async (algorithm) => {
      await using scene = await openScene();
      scene.issuer.keys.splice(0, 1, await makeKey(algorithm));
      expect(await outcome(scene.oidc.verify(await scene.issuer.token()))).toBe('ci:someone');
    },
  );

  test('is for us when one of its audiences is one of ours', async () => {
    await using scene = await openScene({ audience: ['first', 'second'] });
    const audiences = ['second', ['other', 'first'], 'third', ['third', 'fourth'], [], 'firs', undefined, 5];
    const outcomes = audiences.map(async (aud) => {
      const claims = JSON.parse(JSON.stringify({ aud }));
      return await outcome(scene.oidc.verify(await scene.issuer.token({ aud: undefined, ...claims })));
    });
    const refused = Array.from({ length: 6 }, () => 'audience');
    expect(await Promise.all(outcomes)).toEqual(['ci:someone', 'ci:someone', ...refused]);
  });

  test('needs no discovery where the address of the keys is given', async () => {
    await using scene = await openScene();
    const [one] = oidcOptions.parse([
      {
        name: 'ci',
        issuer: scene.issuer.url,
        audience: AUDIENCE,
        user: 'ci:{sub}',
        jwksUrl: `${scene.issuer.url}${KEYS_PATH}`,
      },
    ]);
    const oidc = openOidc(one === undefined ? [] : [one], { clock: scene.now });
    expect(await outcome(oidc.verify(await scene.issuer.token()))).toBe('ci:someone');
    expect(scene.issuer.requests).toEqual({ discovery: 0, keys: 1 });
  });
});

describe('time', () => {
  test.each([
    ['expired beyond the tolerance', { exp: -31 }, 'expired'],
    ['expired within the tolerance', { exp: -29 }, 'ci:someone'],
    ['valid only later', { nbf: 31 }, 'not-yet-valid'],
    ['valid in a moment', { nbf: 29 }, 'ci:someone'],
  ])('a token that is %s: %s → %s', async (_, offsets, expected) => {
    await using scene = await openScene();
    const claims = Object.fromEntries(Object.entries(offsets).map(([key, by]) => [key, START / 1000 + by]));
    expect(await outcome(scene.oidc.verify(await scene.issuer.token(claims)))).toBe(expected);
  });

  test('a token remembered as valid is refused once it expires', async () => {
    await using scene = await openScene({ clockTolerance: '0s' });
    const token = await scene.issuer.token({ exp: START / 1000 + 20 });
    expect(await outcome(scene.oidc.verify(token))).toBe('ci:someone');
    scene.advance(19_999);
    expect(await outcome(scene.oidc.verify(token))).toBe('ci:someone');
    scene.advance(1);
    expect(await outcome(scene.oidc.verify(token))).toBe('expired');
  });
});

describe('a token is refused', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['of another issuer', { iss: 'https://elsewhere.example' }, 'unknown-issuer'],
    ['without an issuer', { iss: undefined }, 'malformed'],
    ['without an audience', { aud: undefined }, 'audience'],
    ['without a subject', { sub: undefined }, 'claim'],
    ['that never expires', { exp: undefined }, 'claim'],
  ])('%s', async (_, claims, reason) => {
    await using scene = await openScene({ user: 'ci:{login}' });
    const token = await scene.issuer.token({ login: 'someone', ...claims });
    expect(await outcome(scene.oidc.verify(token))).toBe(reason);
  });

  test('when its issuer differs from ours by a slash', async () => {
    await using scene = await openScene();
    const token = await scene.issuer.token({ iss: `${scene.issuer.url}/` });
    expect(scene.oidc.isForUs(token)).toBe(false);
    expect(await outcome(scene.oidc.verify(token))).toBe('unknown-issuer');
  });

  test('without a signature, whatever it calls that', async () => {
    await using scene = await openScene();
    const [, payload] = (await scene.issuer.token()).split('.');
    for (const alg of ['none', 'None', 'NONE', '']) {
      const header = base64url.encode(JSON.stringify({ alg }));
      expect(['signature', 'malformed']).toContain(await outcome(scene.oidc.verify(`${header}.${payload}.`)));
    }
  });

  test('when it is signed with the public key as if that were a secret', async () => {
    await using scene = await openScene();
    const key = await makeKey('RS256');
    scene.issuer.keys.splice(0, 1, key);
    const publicKey = await importJWK(key.jwk, 'RS256', { extractable: true });
    if (publicKey instanceof Uint8Array) throw new Error('expected a public key');
    const secrets = [await exportSPKI(publicKey), (await exportSPKI(publicKey)).trim(), JSON.stringify(key.jwk)];
    const claims = { iss: scene.issuer.url, aud: AUDIENCE, sub: 'someone', exp: START / 1000 + 300 };
    for (const secret of secrets) {
      const forged = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid: key.kid })
        .sign(new TextEncoder().encode(secret));
      expect(await outcome(scene.oidc.verify(forged))).toBe('signature');
    }
  });

  test('when the issuer publishes a shared secret and signs with it', async () => {
    await using scene = await openScene();
    const secret = new Uint8Array(32).fill(7);
    const jwk = { kty: 'oct', k: base64url.encode(secret), kid: 'secret', alg: 'HS256' };
    scene.issuer.answers.keys = { body: JSON.stringify({ keys: [jwk] }) };
    const token = await new SignJWT({ iss: scene.issuer.url, aud: AUDIENCE, sub: 'someone', exp: START / 1000 + 300 })
      .setProtectedHeader({ alg: 'HS256', kid: 'secret' })
      .sign(secret);
    expect(await outcome(scene.oidc.verify(token))).toBe('signature');
  });

  test('when the algorithm is not among those in the options', async () => {
    await using scene = await openScene({ algorithms: ['RS256'] });
    expect(await outcome(scene.oidc.verify(await scene.issuer.token()))).toBe('signature');
  });

  test('when another key signed it under the name of one that is published', async () => {
    await using scene = await openScene();
    const impostor = await makeKey('ES256', scene.issuer.keys[0]?.kid);
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({}, impostor)))).toBe('signature');
  });

  test('when it names another published key than the one that signed it', async () => {
    await using scene = await openScene();
    const [first] = scene.issuer.keys;
    const second = await makeKey();
    scene.issuer.keys.push(second);
    const misnamed: SigningKey = { ...second, kid: first?.kid ?? '' };
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({}, misnamed)))).toBe('signature');
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({}, second)))).toBe('ci:someone');
  });

  test('when it brings its own key in its header', async () => {
    await using scene = await openScene();
    const own = await makeKey();
    const token = await new SignJWT({ iss: scene.issuer.url, aud: AUDIENCE, sub: 'someone', exp: START / 1000 + 300 })
      .setProtectedHeader({ alg: 'ES256', kid: own.kid, jwk: own.jwk, jku: `${scene.issuer.url}/own` })
      .sign(own.privateKey);
    expect(await outcome(scene.oidc.verify(token))).toBe('signature');
  });

  test('when any part of it was changed', async () => {
    await using scene = await openScene();
    const parts = (await scene.issuer.token()).split('.');
    const [header = '', payload = '', signature = ''] = parts;
    const claims: unknown = JSON.parse(new TextDecoder().decode(base64url.decode(payload)));
    const changed = base64url.encode(JSON.stringify({ ...Object(claims), sub: 'admin' }));
    expect(await outcome(scene.oidc.verify(`${header}.${changed}.${signature}`))).toBe('signature');
    const flipped = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    expect(await outcome(scene.oidc.verify(`${header}.${payload}.${flipped}`))).toBe('signature');
  });

  test.each([
    '',
    'x',
    '..',
    'a.b',
    'a.b.c.d',
    `${'e30'}.${base64url.encode('[]')}.x`,
    `${'e30'}.${base64url.encode('null')}.x`,
    `${'e30'}.${base64url.encode('{"iss":5}')}.x`,
    'ghp_16C7e42F292c6912E7710c838347Ae178B4a',
  ])('when it is no token at all: %j', async (text) => {
    await using scene = await openScene();
    expect(scene.oidc.isForUs(text)).toBe(false);
    expect(await outcome(scene.oidc.verify(text))).toBe('malformed');
    expect(scene.issuer.requests.keys).toBe(0);
  });

  test('when it is huge, without being read', async () => {
    await using scene = await openScene();
    const token = await scene.issuer.token({ padding: 'x'.repeat(13_000) });
    expect(token.length).toBeGreaterThan(16 * 1024);
    expect(scene.oidc.isForUs(token)).toBe(false);
    expect(await outcome(scene.oidc.verify(token))).toBe('malformed');
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ padding: 'x'.repeat(11_000) })))).toBe(
      'ci:someone',
    );
    expect(scene.issuer.requests.keys).toBe(1);
  });
});

test('a refusal never repeats the token', async () => {
  await using scene = await openScene({ conditions: { sub: 'nobody' } });
  const token = await scene.issuer.token({ iss: 'https://elsewhere.example' });
  for (const text of [token, await scene.issuer.token(), `${token}.x`, 'secret-of-another-kind']) {
    const { message } = await refusal(scene.oidc.verify(text));
    for (const part of text.split('.').filter((piece) => piece.length > 5)) expect(message).not.toContain(part);
  }
});
