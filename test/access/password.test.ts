import { scryptSync } from 'node:crypto';
import { hashSync } from 'bcryptjs';
import { describe, expect, test } from 'vitest';
import { AccessError } from '#access/errors.ts';
import {
  checkPassword,
  hashPassword,
  impossibleHash,
  needsRehash,
  rehashPassword,
  verifyPassword,
} from '#access/password.ts';

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

describe('a hash of bcrypt', () => {
  // Made by `htpasswd -nbB` of Debian's apache2-utils 2.4, at the costs 4 and 5.
  test.each([
    ['correct horse battery', '$2y$04$Sw7C/dOSUcS5lhj.ougp/OV3Xnj2msZDSkTyFobM.iFi0/duGWiA6'],
    ['correct horse battery', '$2y$05$HQyR6T2escps2FDXEoJ8oujYdiReiCFRi.j04aVscN1SwhhWmayb6'],
    ['bättery stäple', '$2y$04$0giA4mepfyANkek34Hqp6.KmuHYg.68FyWzcJ6HyjB6M9sKQrvZi2'],
    ['abc', '$2y$04$g0JwEcivn097YPQx/F8xruE4fv0YKc0ZrWWljbpp/4yh1d1P.1Tle'],
  ])('lets %j in and nothing else', async (password, stored) => {
    expect(await verifyPassword(password, stored)).toBe(true);
    expect(await verifyPassword(password, stored.replace('$2y$', '$2a$'))).toBe(true);
    expect(await verifyPassword(`${password} `, stored)).toBe(false);
    expect(await verifyPassword('', stored)).toBe(false);
  });

  test('may be made by bcryptjs too', async () => {
    const stored = hashSync(PASSWORD, 4);
    expect(stored).toMatch(/^\$2b\$/);
    expect(await verifyPassword(PASSWORD, stored)).toBe(true);
  });

  test('goes by the first 72 bytes, as bcrypt does everywhere', async () => {
    // By htpasswd, from 72 x and "tail".
    const stored = '$2y$04$QJfV7ljbySwgP9prSQY/rOD1ZMGfyeFyDmqmASLFiEWAkgRNlYeNS';
    expect(await verifyPassword(`${'x'.repeat(72)}tail`, stored)).toBe(true);
    expect(await verifyPassword(`${'x'.repeat(72)}another`, stored)).toBe(true);
    expect(await verifyPassword('x'.repeat(71), stored)).toBe(false);
  });

  test('does not keep other work waiting', async () => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 1);
    // Cost 10 takes 70 ms or more of a core; in this thread it would leave no room for a timer.
    await verifyPassword(PASSWORD, hashSync('another password', 10));
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });
});

test('asks for a new hash where today a better one is made', async () => {
  const stored = await hashPassword(PASSWORD);
  expect(needsRehash(stored)).toBe(false);
  expect(needsRehash(stored.replace('ln=14', 'ln=15'))).toBe(false);
  expect(needsRehash(stored.replace('ln=14,r=8,p=5', 'ln=15,r=8,p=3'))).toBe(false);
  expect(needsRehash(stored.replace('ln=14', 'ln=13'))).toBe(true);
  expect(needsRehash(stored.replace('r=8', 'r=4'))).toBe(true);
  expect(needsRehash(stored.replace('p=5', 'p=4'))).toBe(true);
  // As much work, but in less memory.
  expect(needsRehash(stored.replace('ln=14,r=8,p=5', 'ln=10,r=8,p=80'))).toBe(true);
  expect(needsRehash('$2y$17$Sw7C/dOSUcS5lhj.ougp/OV3Xnj2msZDSkTyFobM.iFi0/duGWiA6')).toBe(true);
  expect(() => needsRehash('plain')).toThrow('expected a password hash of the form');
});

test('hashes anew a password that is shorter than new ones may be', async () => {
  const stored = await rehashPassword('abc');
  expect(await verifyPassword('abc', stored)).toBe(true);
  expect(needsRehash(stored)).toBe(false);
});

test('turns away a crowd, and is there again when it has gone', async () => {
  // Cheap: the crowd counts, not the work.
  const stored = `$scrypt$ln=4,r=1,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
  const answers = await Promise.allSettled(Array.from({ length: 210 }, () => verifyPassword(PASSWORD, stored)));
  const refusals = answers.filter((answer) => answer.status === 'rejected').map(({ reason }) => reason);
  // Two inside and 200 in line.
  expect(answers.slice(0, 202).every(({ status }) => status === 'fulfilled')).toBe(true);
  expect(refusals).toEqual(
    Array.from({ length: 8 }, () => new AccessError('busy', 'too many passwords are waiting to be checked')),
  );
  expect(refusals.map(({ reason }) => reason)).toEqual(Array.from({ length: 8 }, () => 'busy'));
  expect(await verifyPassword(PASSWORD, stored)).toBe(false);
});

test.each([
  '',
  'plain',
  '$2y$03$Sw7C/dOSUcS5lhj.ougp/OV3Xnj2msZDSkTyFobM.iFi0/duGWiA6',
  '$2y$18$Sw7C/dOSUcS5lhj.ougp/OV3Xnj2msZDSkTyFobM.iFi0/duGWiA6',
  '$2x$04$Sw7C/dOSUcS5lhj.ougp/OV3Xnj2msZDSkTyFobM.iFi0/duGWiA6',
  '$2y$04$Sw7C/dOSUcS5lhj.ougp/OV3Xnj2msZDSkTyFobM.iFi0/duGWiA',
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
