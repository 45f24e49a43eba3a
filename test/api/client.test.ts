import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { type RequestListener, createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import { describe, expect, test } from 'vitest';
import { type Remote, remoteAdministration, requestOf } from '#api/client.ts';
import { type OperationId, operations } from '#api/operations.ts';

describe('the request for an operation', () => {
  const typed = { 'content-type': 'application/json' };
  test.each<[OperationId, Record<string, unknown>, { path: string; headers?: object; body?: string }]>([
    ['whoAmI', {}, { path: '/api/v1/whoami' }],
    ['listGrants', { scope: 'team-a/' }, { path: '/api/v1/grants?scope=team-a%2F' }],
    ['listGrants', { subject: 'robot+ci', scope: undefined }, { path: '/api/v1/grants?subject=robot%2Bci' }],
    ['listEvents', { limit: 5 }, { path: '/api/v1/events?limit=5' }],
    ['deleteUser', { name: 'a@b' }, { path: '/api/v1/users/a%40b' }],
    [
      'removeGroupMember',
      { name: 'devs', member: 'oidc:https://x/y?z' },
      { path: '/api/v1/groups/devs/members/oidc%3Ahttps%3A%2F%2Fx%2Fy%3Fz' },
    ],
    ['addGroupMember', { name: 'devs', member: 'alice' }, { path: '/api/v1/groups/devs/members/alice' }],
    [
      'createUser',
      { name: 'a', password: 'b' },
      { path: '/api/v1/users', headers: typed, body: '{"name":"a","password":"b"}' },
    ],
    [
      'rotateRobot',
      { name: 'robot+ci', expiresIn: undefined },
      { path: '/api/v1/robots/robot%2Bci/rotate', headers: typed, body: '{}' },
    ],
  ])('%s with %j', (id, input, { path, headers = {}, body }) => {
    const { method } = operations[id];
    expect(requestOf(operations[id], input)).toEqual({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body }),
    });
  });
});

/** What a call of a server that answers so comes to. */
async function callOf(listener: RequestListener): Promise<unknown> {
  const server = createHttp(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await callRoles({ url: `http://127.0.0.1:${portOf(server.address())}` });
  } finally {
    server.close();
  }
}

/** What a call of a server comes to: the answer, or the words of the error. */
async function callRoles(remote: Remote): Promise<unknown> {
  try {
    return await remoteAdministration(remote, () => Promise.resolve('Bearer x')).listRoles({});
  } catch (error) {
    return error instanceof Error ? error.message.replace(/:\d{4,5}\b/g, ':PORT') : error;
  }
}

function portOf(address: unknown): number {
  return typeof address === 'object' && address !== null && 'port' in address ? Number(address.port) : 0;
}

describe('an answer', () => {
  const errors = (message: string): string => JSON.stringify({ errors: [{ code: 'X', message }] });
  test.each<[number, string, unknown]>([
    [200, '{"roles":[]}', { roles: [] }],
    [200, '{"roles":5}', 'http://127.0.0.1:PORT gave an answer that this version of gatehouse does not understand'],
    [200, '<html>', 'http://127.0.0.1:PORT gave an answer that this version of gatehouse does not understand'],
    [302, '', 'http://127.0.0.1:PORT answered 302, which is no answer of Gatehouse'],
    [400, errors('role: unknown field'), 'role: unknown field'],
    [
      401,
      errors('go away'),
      'http://127.0.0.1:PORT does not know you: go away (gatehouse login http://127.0.0.1:PORT)',
    ],
    [403, errors('no permission to grant'), 'no permission to grant'],
    [403, '', 'http://127.0.0.1:PORT does not let you do that'],
    [404, errors('there is no user "x"'), 'there is no user "x"'],
    [404, '<html>', 'http://127.0.0.1:PORT answered 404, which is no answer of Gatehouse'],
    [429, errors('too many'), 'http://127.0.0.1:PORT asks for patience: too many'],
    [502, 'Bad Gateway', 'http://127.0.0.1:PORT answered 502, which is no answer of Gatehouse'],
  ])('of %i with %s', async (status, body, want) => {
    const got = await callOf((_, response) =>
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body),
    );
    expect(got).toEqual(want);
  });

  test('that breaks off is told of', async () => {
    expect(await callOf(({ socket }) => socket.destroy())).toContain('cannot be reached: ');
  });
});

describe('a server behind TLS', () => {
  test('is believed with the certificate that was given for it, and only by its name', async () => {
    const { key, cert } = await selfSigned('localhost');
    const server = createHttps({ key, cert }, (_, response) => response.end('{"roles":[]}')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = portOf(server.address());
    const url = `https://localhost:${port}`;
    expect(await callRoles({ url })).toBe(
      'https://localhost:PORT shows a certificate that this machine does not trust: give its authority with --ca, or see scripts/trust-node',
    );
    expect(await callRoles({ url, ca: cert })).toEqual({ roles: [] });
    expect(await callRoles({ url: `https://127.0.0.1:${port}`, ca: cert })).toBe(
      'the certificate at https://127.0.0.1:PORT is for another name',
    );
    server.close();
  });
});

/** A key and a certificate that vouches for itself, PEM, good for an hour. */
async function selfSigned(name: string): Promise<{ key: string; cert: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`, cert: certificate.toString('pem') };
}
