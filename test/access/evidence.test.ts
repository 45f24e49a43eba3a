import { expect, test } from 'vitest';
import type { Evidence } from '#access/log-in.ts';
import { type Door, openDoor } from './door.ts';
import { temporaryMetadata } from './metadata.ts';

const FROM = { address: '192.0.2.1', requestId: 'r1' };

async function nameOf(
  { authenticator }: Door,
  evidence: Pick<Evidence, 'authorization' | 'certificate'>,
): Promise<string> {
  try {
    return (await authenticator.authenticate({ ...FROM, ...evidence })).principal.name;
  } catch (error) {
    return error instanceof Error ? error.name : 'something else';
  }
}

test('a header that reads like a remembered certificate is no certificate', async () => {
  await using database = await temporaryMetadata();
  const door = openDoor(database.metadata);
  expect(await nameOf(door, { authorization: undefined, certificate: 'ci' })).toBe('cert:ci');
  expect(await nameOf(door, { authorization: 'certificate ci' })).toBe('AuthenticationError');
  expect(await nameOf(door, { authorization: 'authorization certificate ci' })).toBe('AuthenticationError');
});

test('an empty header beside a certificate does not make everybody its holder', async () => {
  await using database = await temporaryMetadata();
  const door = openDoor(database.metadata);
  expect(await nameOf(door, { authorization: '', certificate: 'ci' })).toBe('cert:ci');
  expect(await nameOf(door, { authorization: undefined })).toBe('system:anonymous');
  expect(await nameOf(door, { authorization: '' })).toBe('system:anonymous');
});

test('a certificate does not make up for a wrong header', async () => {
  await using database = await temporaryMetadata();
  const door = openDoor(database.metadata);
  await nameOf(door, { authorization: undefined, certificate: 'ci' });
  for (const authorization of ['Basic eDp5', 'Bearer x', 'x', ' ']) {
    expect(await nameOf(door, { authorization, certificate: 'ci' })).toBe('AuthenticationError');
  }
});

test('one certificate is not remembered as another', async () => {
  await using database = await temporaryMetadata();
  const door = openDoor(database.metadata);
  const names = [];
  for (const certificate of ['a', 'b', 'a b', 'a'])
    names.push(await nameOf(door, { authorization: undefined, certificate }));
  expect(names).toEqual(['cert:a', 'cert:b', 'cert:a b', 'cert:a']);
});
