import { webcrypto } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { openOidc } from '#access/oidc.ts';
import { oidcOptions } from '#access/oidc-options.ts';
import { AUDIENCE, DISCOVERY_PATH, type Issuer, KEYS_PATH, makeKey, startIssuer } from '#test/support/issuer.ts';
import { MINUTE, START, type Scene, openScene, outcome, refusal } from './oidc-scene.ts';

describe('the keys of an issuer', () => {
  test('are fetched once for many tokens, and each token is verified once', async () => {
    await using scene = await openScene();
    const tokens = await Promise.all(['one', 'two'].map((sub) => scene.issuer.token({ sub })));
    const verify = vi.spyOn(webcrypto.subtle, 'verify');
    try {
      const together = await Promise.all([...tokens, ...tokens].map((token) => scene.oidc.verify(token)));
      for (let visit = 0; visit < 50; visit += 1) await scene.oidc.verify(tokens[0] ?? '');
      expect(together.map(({ name }) => name)).toEqual(['ci:one', 'ci:two', 'ci:one', 'ci:two']);
      expect(verify).toHaveBeenCalledTimes(2);
    } finally {
      verify.mockRestore();
    }
    expect(scene.issuer.requests).toEqual({ discovery: 1, keys: 1 });
  });

  test('are fetched again for a key that is not among them, and the old one counts no more', async () => {
    await using scene = await openScene();
    const old = await scene.issuer.token({ sub: 'old' });
    const [oldKey] = scene.issuer.keys;
    expect(await outcome(scene.oidc.verify(old))).toBe('ci:old');
    await scene.issuer.rotate();
    scene.advance(30_000);
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ sub: 'new' })))).toBe('ci:new');
    expect(scene.issuer.requests).toEqual({ discovery: 1, keys: 2 });
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ sub: 'other' }, oldKey)))).toBe('signature');
  });

  test('that were withdrawn count no longer than a minute, for remembered tokens too', async () => {
    await using scene = await openScene();
    const token = await scene.issuer.token();
    await scene.oidc.verify(token);
    await scene.issuer.rotate();
    scene.advance(MINUTE - 1);
    expect(await outcome(scene.oidc.verify(token))).toBe('ci:someone');
    scene.advance(1);
    expect(await outcome(scene.oidc.verify(token))).toBe('signature');
  });

  test('are not asked for by every token with an unknown key', async () => {
    await using scene = await openScene();
    await scene.oidc.verify(await scene.issuer.token());
    const strange = await Promise.all(Array.from({ length: 10 }, makeKeyed(scene.issuer)));
    for (const token of strange) expect(await outcome(scene.oidc.verify(token))).toBe('signature');
    expect(scene.issuer.requests.keys).toBe(1);
    scene.advance(30_000);
    await Promise.all(strange.map((token) => outcome(scene.oidc.verify(token))));
    expect(scene.issuer.requests.keys).toBe(2);
  });

  test('of one token without a key name are used only when there is one', async () => {
    await using scene = await openScene();
    const [key] = scene.issuer.keys;
    const sign = async (sub: string): Promise<string> =>
      await new SignJWT({ iss: scene.issuer.url, aud: AUDIENCE, sub, exp: START / 1000 + 300 })
        .setProtectedHeader({ alg: 'ES256' })
        .sign(key?.privateKey ?? new Uint8Array());
    expect(await outcome(scene.oidc.verify(await sign('one')))).toBe('ci:one');
    scene.issuer.keys.push(await makeKey());
    scene.advance(MINUTE);
    expect(await outcome(scene.oidc.verify(await sign('two')))).toBe('signature');
  });
});

describe('an issuer that', () => {
  test('is down makes its tokens wait, and is not asked with each of them', async () => {
    await using scene = await openScene();
    const token = await scene.issuer.token();
    await scene.issuer.stop();
    for (let visit = 0; visit < 5; visit += 1) expect(await outcome(scene.oidc.verify(token))).toBe('unreachable');
    await scene.issuer.restart();
    expect(await outcome(scene.oidc.verify(token))).toBe('unreachable');
    expect(scene.issuer.requests.discovery).toBe(0);
    scene.advance(10_000);
    expect(await outcome(scene.oidc.verify(token))).toBe('ci:someone');
  });

  test('goes down is believed for ten minutes by the keys it had, and then no more', async () => {
    await using scene = await openScene();
    await scene.oidc.verify(await scene.issuer.token());
    await scene.issuer.stop();
    scene.advance(10 * MINUTE - 1);
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ sub: 'later' })))).toBe('ci:later');
    // A new key cannot be told from a made-up one now.
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({}, await makeKey())))).toBe('unreachable');
    scene.advance(1);
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ sub: 'last' })))).toBe('unreachable');
  });

  test('is slow is given up', async () => {
    await using scene = await openScene({}, 1000);
    const gate = Promise.withResolvers<void>();
    scene.issuer.answers.keys = { after: gate.promise };
    const token = await scene.issuer.token();
    expect(await outcome(scene.oidc.verify(token))).toBe('unreachable');
    gate.resolve();
    scene.issuer.answers.keys = undefined;
    scene.advance(10_000);
    expect(await outcome(scene.oidc.verify(token))).toBe('ci:someone');
  });

  test.each<[string, (scene: Scene) => Issuer['answers']]>([
    ['answers no JSON', () => ({ keys: { body: '<html>' } })],
    ['answers another JSON', () => ({ keys: { body: '{"keys":{}}' } })],
    ['answers keys that are none', () => ({ keys: { body: '{"keys":[null]}' } })],
    ['answers 500', () => ({ keys: { status: 500 } })],
    ['answers 404 for its discovery', () => ({ discovery: { status: 404 } })],
    ['answers no discovery document', () => ({ discovery: { body: '{}' } })],
    [
      'sends elsewhere',
      ({ issuer }) => ({ keys: { status: 302, headers: { location: `${issuer.url}${KEYS_PATH}?own` } } }),
    ],
    [
      'sends its discovery elsewhere',
      ({ issuer }) => ({ discovery: { status: 307, headers: { location: `${issuer.url}${DISCOVERY_PATH}?own` } } }),
    ],
    [
      'has a discovery document of another',
      ({ issuer }) => ({
        discovery: { body: JSON.stringify({ issuer: `${issuer.url}/`, jwks_uri: `${issuer.url}${KEYS_PATH}` }) },
      }),
    ],
    [
      'has its keys where plain HTTP may lead off this machine',
      // Linux takes 0.0.0.0 for this machine, so that the keys are there indeed.
      ({ issuer }) => ({
        discovery: {
          body: JSON.stringify({
            issuer: issuer.url,
            jwks_uri: `${issuer.url.replace('127.0.0.1', '0.0.0.0')}${KEYS_PATH}`,
          }),
        },
      }),
    ],
    ['answers more than it should', () => ({ keys: { body: `{"keys":[],"x":"${'x'.repeat(300_000)}"}` } })],
  ])('%s vouches for nobody', async (_, answers) => {
    await using scene = await openScene();
    const token = await scene.issuer.token();
    Object.assign(scene.issuer.answers, answers(scene));
    const error = await refusal(scene.oidc.verify(token));
    expect({ reason: error.reason, message: error.message }).toEqual({
      reason: 'unreachable',
      message: 'the keys of ci cannot be had',
    });
    expect(error.cause).toBeInstanceOf(Error);
    // And as soon as it answers well it does.
    Object.assign(scene.issuer.answers, { keys: undefined, discovery: undefined });
    scene.advance(10_000);
    expect(await outcome(scene.oidc.verify(token))).toBe('ci:someone');
  });

  test('answers nonsense once keeps the keys it had', async () => {
    await using scene = await openScene();
    await scene.oidc.verify(await scene.issuer.token());
    scene.issuer.answers.keys = { body: '<html>' };
    scene.advance(MINUTE);
    expect(await outcome(scene.oidc.verify(await scene.issuer.token({ sub: 'later' })))).toBe('ci:later');
  });

  test('has no key any more is believed no more', async () => {
    await using scene = await openScene();
    const token = await scene.issuer.token();
    await scene.oidc.verify(token);
    scene.issuer.keys.splice(0);
    scene.advance(MINUTE);
    expect(await outcome(scene.oidc.verify(token))).toBe('signature');
  });

  test('moves its keys is asked anew where they are', async () => {
    await using scene = await openScene();
    const token = await scene.issuer.token();
    await scene.oidc.verify(token);
    scene.issuer.answers.keys = { status: 410 };
    scene.advance(MINUTE);
    await scene.oidc.verify(token);
    scene.issuer.answers.keys = undefined;
    scene.advance(10_000);
    await scene.oidc.verify(token);
    expect(scene.issuer.requests).toEqual({ discovery: 2, keys: 3 });
  });

  test('shares nothing with its neighbour: a token is judged by the keys of its own issuer', async () => {
    await using scene = await openScene();
    await using other = await startIssuer({ clock: scene.now });
    const issuers = oidcOptions.parse([
      { name: 'ci', issuer: scene.issuer.url, audience: AUDIENCE, user: 'ci:{sub}' },
      { name: 'cd', issuer: other.url, audience: AUDIENCE, user: 'cd:{sub}' },
    ]);
    const oidc = openOidc(issuers, { clock: scene.now });
    const [foreign] = other.keys;
    expect(await oidc.verify(await other.token())).toMatchObject({ name: 'cd:someone', issuer: 'cd' });
    expect(await outcome(oidc.verify(await scene.issuer.token()))).toBe('ci:someone');
    expect(await outcome(oidc.verify(await scene.issuer.token({}, foreign)))).toBe('signature');
  });
});

/** Tokens whose keys nobody publishes. */
function makeKeyed(issuer: Issuer): () => Promise<string> {
  return async () => await issuer.token({}, await makeKey());
}
