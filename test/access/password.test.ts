import { scryptSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AccessError } from '#access/errors.ts';
import { checkPassword, hashPassword, impossibleHash, verifyPassword } from '#access/password.ts';

const PASSWORD = 'correct horse battery staple';

test('verifies what it hashed, and nothing else', async () => {
  const stored = await hashPassword(PASSWORD);
  expect(stored).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(await verifyPassword(PASSWORD, stored)).toBe(true);
  expect(await verifyPassword(`${PASSWORD} `, stored)).toBe(false);
  expect(await verifyPassword('', stored)).toBe(false);
});

test('salts each hash anew', async () => {
  const [one, other] = await Promise.all([hashPassword(PASSWORD), hashPassword(PASSWORD)]);
  expect(one).not.toBe(other);
});

test('honours the cost a hash was made with', async () => {
  const salt = Buffer.from('0123456789abcdef');
  const hash = scryptSync(PASSWORD, salt, 32, { N: 2 ** 10, r: 4, p: 2 });
  const stored = `$scrypt$ln=10,r=4,p=2$${salt.toString('base64').replace(/=+$/, '')}$${hash.toString('base64').replace(/=+$/, '')}`;
  expect(await verifyPassword(PASSWORD, stored)).toBe(true);
  expect(await verifyPassword(PASSWORD, stored.replace('ln=10', 'ln=11'))).toBe(false);
});

test('takes the same text typed in two ways as one password', async () => {
  const stored = await hashPassword('caf\u00e9 au lait');
  expect(await verifyPassword('cafe\u0301 au lait', stored)).toBe(true);
});

test('lets no password in by a hash of no password', async () => {
  expect(await verifyPassword(PASSWORD, impossibleHash())).toBe(false);
});

test.each([
  '',
  'plain',
  '$scrypt$ln=14,r=8,p=5$$',
  '$scrypt$ln=14,r=8,p=5$c2FsdA$QUJD',
  '$scrypt$ln=0,r=8,p=5$c2FsdHNhbHQ$QUJDREVGR0hJSktMTU5PUFFSU1RVVg',
  '$scrypt$ln=31,r=8,p=5$c2FsdHNhbHQ$QUJDREVGR0hJSktMTU5PUFFSU1RVVg',
  '$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$QUJD',
])('refuses to check against %j', async (stored) => {
  await expect(verifyPassword(PASSWORD, stored)).rejects.toThrow('expected a password hash of the form');
});

describe('a password', () => {
  test.each(['12345678', 'x'.repeat(1024), 'pass word', 'пароль12'])('may be %j', (password) => {
    expect(() => checkPassword(password)).not.toThrow();
  });

  test.each([
    ['1234567', 'expected a password of 8 to 1024 characters, found 7'],
    ['x'.repeat(1025), 'expected a password of 8 to 1024 characters, found 1025'],
    ['12345678\n', 'expected a password without control characters such as tab or line break'],
    ['1234\u00005678', 'expected a password without control characters such as tab or line break'],
  ])('may not be %j', async (password, message) => {
    await expect(hashPassword(password)).rejects.toThrow(new AccessError('password-invalid', message));
  });
});
