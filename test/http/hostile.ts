import fc from 'fast-check';

/** The repository that is hidden from those who ask. */
export const HIDDEN = 'hidden/app';
/** Its tag that they ask for. */
export const TAG = 'secret-tag';

/** Each letter as it is, escaped, or escaped twice. */
const spelled = (text: string): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom('as it is', 'as it is', 'as it is', 'escaped', 'Escaped', 'twice'), {
      minLength: text.length,
      maxLength: text.length,
    })
    .map((ways) =>
      Array.from(text, (letter, index) => {
        const hex = letter.charCodeAt(0).toString(16).padStart(2, '0');
        switch (ways[index]) {
          case 'escaped':
            return `%${hex}`;
          case 'Escaped':
            return `%${hex.toUpperCase()}`;
          case 'twice':
            return `%25${hex}`;
          default:
            return letter;
        }
      }).join(''),
    );

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('hidden', 'app', 'open', 'hidden/app', '/', '//', '..', '.', '') },
  fc.constantFrom(
    '../',
    '/..',
    '%2e%2e',
    '%2F',
    '%2f..%2f',
    '%5c',
    '\\',
    '%00',
    '%',
    '%zz',
    '%c0%af',
    '%ff',
    '%0d%0a',
    ';',
    ';x=1',
  ),
  fc.constantFrom('HIDDEN', 'Hidden/App', 'app.', 'app/', 'app%20', 'app..', 'h%C4%B1dden', '%EF%BC%8F', '~', '*', '+'),
  fc.constantFrom(
    '_catalog',
    'manifests',
    'blobs',
    'uploads',
    'tags',
    'list',
    'referrers',
    'v2',
    'token',
    'latest',
    '__proto__',
    'constructor',
  ),
  fc.constant('a'.repeat(300)),
  fc.string({ unit: fc.constantFrom(...Array.from('abz019._-/%25@:!$&()=,')), maxLength: 12 }),
);
/** What may stand for a repository's name: the hidden one in every disguise, and neighbours of it. */
export const hostileName = fc.oneof(
  fc.array(step, { minLength: 1, maxLength: 6 }).map((steps) => steps.join('/')),
  fc.array(step, { minLength: 1, maxLength: 6 }).map((steps) => steps.join('')),
  spelled(HIDDEN),
  fc.constantFrom(
    `open/../${HIDDEN}`,
    `open/%2e%2e/${HIDDEN}`,
    `open%2f..%2f${HIDDEN}`,
    `./${HIDDEN}`,
    `/${HIDDEN}`,
    `${HIDDEN}/`,
    `open/app/../../${HIDDEN}`,
  ),
);
/** What may stand behind a name. Some are words for digests that are known only while a test runs. */
export const hostileEnd = fc.oneof(
  fc.constantFrom(
    `/manifests/${TAG}`,
    '/tags/list',
    '/tags/list/',
    '/tags/list?n=-1',
    '/tags/list?n=1&last=%00',
    '/blobs/uploads/',
    '/blobs/uploads',
    '',
  ),
  fc.constantFrom(
    '/blobs/uploads/?mount=x',
    '/blobs/uploads/?digest=x',
    '/blobs/uploads/x',
    '/blobs/uploads/..',
    '/manifests/..',
    '/manifests/',
    '/referrers/x',
  ),
  fc.constantFrom('digest', 'layer', 'referrers', 'mount'),
  spelled(`/manifests/${TAG}`),
);

/** Verbs, those there is no use for too. */
export const anyMethod = fc.constantFrom(
  'GET',
  'GET',
  'GET',
  'HEAD',
  'DELETE',
  'PUT',
  'POST',
  'PATCH',
  'OPTIONS',
  'PROPFIND',
);

/** What may stand for a scope. */
export const hostileScope = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('repository', 'registry', 'repository(x)', 'x', '', 'Repository'),
      fc.oneof(
        fc.constantFrom(HIDDEN, 'open/app', 'catalog', 'api', '*', '..', `open/../${HIDDEN}`, 'open/', 'hidden/'),
        fc.string({ maxLength: 20 }),
      ),
      fc.constantFrom('pull', '*', 'pull,push', 'delete', '', 'grant,system', ',,', 'pull;push'),
    )
    .map((parts) => parts.join(':')),
  fc.string({ maxLength: 30 }),
  fc.constantFrom(' ', ':', '::', ':::', 'a:b:c '.repeat(60), `repository:${'a/'.repeat(600)}:pull`),
);
