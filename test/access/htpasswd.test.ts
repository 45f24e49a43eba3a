import { describe, expect, test } from 'vitest';
import { parseHtpasswd } from '#access/htpasswd.ts';
import { verifyPassword } from '#access/password.ts';

// Made by `htpasswd -nbB` of Debian's apache2-utils 2.4; the second at the cost it takes by itself, 5.
const ALICE = '$2y$04$Sw7C/dOSUcS5lhj.ougp/OV3Xnj2msZDSkTyFobM.iFi0/duGWiA6';
const BOB = '$2y$05$HQyR6T2escps2FDXEoJ8oujYdiReiCFRi.j04aVscN1SwhhWmayb6';
const PASSWORD = 'correct horse battery';

const MAKE_ANEW = 'make the line anew with htpasswd -B, or create the user here';
const NO_BCRYPT = 'expected a bcrypt hash of 60 characters that begins with $2y$, $2b$ or $2a$';

test('reads what htpasswd -B writes', async () => {
  const { entries, problems } = parseHtpasswd(`alice:${ALICE}\n\nbob:${BOB}\n\n`);
  expect(entries).toEqual([
    { name: 'alice', hash: ALICE },
    { name: 'bob', hash: BOB },
  ]);
  expect(problems).toEqual([]);
  expect(await verifyPassword(PASSWORD, entries[0]?.hash ?? '')).toBe(true);
});

test('skips comments, blank lines, indents, the line ends of Windows and a mark of byte order', () => {
  const text = `\uFEFF# users\r\n\r\n  alice:${ALICE}  \r\n\t# bob:${BOB}\r\n   \r\nbob:${BOB}`;
  expect(parseHtpasswd(text)).toEqual({
    entries: [
      { name: 'alice', hash: ALICE },
      { name: 'bob', hash: BOB },
    ],
    problems: [],
  });
});

test('finds nobody in an empty file', () => {
  expect(parseHtpasswd('')).toEqual({ entries: [], problems: [] });
});

test('goes by the last of several lines with one name, as docker-registry does, and says so', () => {
  const text = `alice:${BOB}\nbob:${BOB}\nalice:${BOB}\nalice:${ALICE}\n`;
  const problem = 'alice stands again in line 4, which is the one that counts; remove one of them';
  expect(parseHtpasswd(text)).toEqual({
    entries: [
      { name: 'bob', hash: BOB },
      { name: 'alice', hash: ALICE },
    ],
    problems: [
      { line: 1, problem },
      { line: 3, problem },
    ],
  });
});

test('does not fall back to an earlier line when the last cannot be used', () => {
  const { entries, problems } = parseHtpasswd(`alice:${ALICE}\nalice:{SHA}mN7MYuzjmaIu0w1JDvMzvn/ec4U=`);
  expect(entries).toEqual([]);
  expect(problems.map(({ line }) => line)).toEqual([1, 2]);
});

describe('a line that gives no user', () => {
  test.each([
    ['alice', 'expected name:hash, found no colon'],
    ['alice:', `alice: ${NO_BCRYPT}; ${MAKE_ANEW}`],
    [
      'alice:$apr1$95R7AyDg$W6SobY1XER0GEPvED6kGU.',
      `alice: ${NO_BCRYPT}, found Apache's MD5 (htpasswd -m, its default); ${MAKE_ANEW}`,
    ],
    [
      'alice:{SHA}mN7MYuzjmaIu0w1JDvMzvn/ec4U=',
      `alice: ${NO_BCRYPT}, found unsalted SHA-1 (htpasswd -s); ${MAKE_ANEW}`,
    ],
    ['alice:kLbq0UXnrWZt.', `alice: ${NO_BCRYPT}; ${MAKE_ANEW}`],
    ['alice:correct horse battery', `alice: ${NO_BCRYPT}; ${MAKE_ANEW}`],
    [
      'alice:$6$GLA6jA1EKU5Vs8Bb$JNRTKsZipCgyYzlhl3tqh0oWT7GH0ISCJ1L5Yy34WLQxhMb018DzdhJzI79JTnj82iKrmy9FPmnZM4UfXqGWj/',
      `alice: ${NO_BCRYPT}, found crypt with SHA-512 (htpasswd -5); ${MAKE_ANEW}`,
    ],
    [
      'alice:$5$9v6KIfQBRDZfiRNd$.CPDFKGN5RB9ilD3dOD0ZS13Ms9BsSe2h5cgk/Ukqe/',
      `alice: ${NO_BCRYPT}, found crypt with SHA-256 (htpasswd -2); ${MAKE_ANEW}`,
    ],
    [
      `alice:${ALICE.replace('$2y$', '$2x$')}`,
      `alice: ${NO_BCRYPT}, found bcrypt of a faulty old version; ${MAKE_ANEW}`,
    ],
    [`alice:${ALICE.slice(0, -1)}`, `alice: ${NO_BCRYPT}; ${MAKE_ANEW}`],
    [`alice:${ALICE}:Alice Smith`, `alice: ${NO_BCRYPT}; ${MAKE_ANEW}`],
    [`alice:${ALICE.replace('$04$', '$03$')}`, `alice: expected a bcrypt cost of 4 to 17, found 3; ${MAKE_ANEW}`],
    [`alice:${ALICE.replace('$04$', '$18$')}`, `alice: expected a bcrypt cost of 4 to 17, found 18; ${MAKE_ANEW}`],
    [`Alice:${ALICE}`, nameProblem('"Alice"')],
    [`:${ALICE}`, nameProblem('""')],
    [`alice smith:${ALICE}`, nameProblem('"alice smith"')],
    [`robot+ci:${ALICE}`, nameProblem('"robot+ci"')],
    [`${ALICE}:alice`, nameProblem('60 characters')],
    [`${'a'.repeat(65)}:${ALICE}`, nameProblem('65 characters')],
  ])('%j is reported', (line, problem) => {
    expect(parseHtpasswd(`bob:${BOB}\n${line}\n`)).toEqual({
      entries: [{ name: 'bob', hash: BOB }],
      problems: [{ line: 2, problem }],
    });
  });

  test.each([ALICE, 'kLbq0UXnrWZt.', '{SHA}mN7MYuzjmaIu0w1JDvMzvn/ec4U=', 'correct horse battery'])(
    'is reported without %j',
    (hash) => {
      const { problems } = parseHtpasswd(`Alice:${hash}\nbob:${hash}x\nbob:${hash}x\n`);
      expect(problems).toHaveLength(3);
      expect(JSON.stringify(problems)).not.toContain(hash);
    },
  );
});

function nameProblem(found: string): string {
  return `expected a user name of 1 to 64 of a-z 0-9 . _ @ - that begins with a letter or digit, found ${found}; rename it in the file and tell its owner`;
}
