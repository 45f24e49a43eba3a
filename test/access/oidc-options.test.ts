import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError, parseConfig } from '#config/load.ts';
import { printConfig } from '#config/print.ts';

const SOUND = { name: 'ci', issuer: 'https://ci.example', audience: 'gatehouse', user: 'ci:{sub}' };
const CLUSTER = { name: 'k8s', issuer: 'https://k8s.example', audience: 'gatehouse', kind: 'kubernetes' };
const { user: _, ...NAMELESS } = SOUND;

function parse(issuers: unknown): ReturnType<typeof parseConfig> {
  return parseConfig(stringify({ access: { oidc: issuers } }), { source: 'test.yaml', folder: '/', environment: {} });
}

/** Each problem as `path: what is wrong → what to do`. */
function problemsOf(issuers: unknown): string[] {
  try {
    parse(issuers);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ path, problem, remedy }) => `${path}: ${problem} → ${remedy}`);
  }
}

test('are none unless some are named', () => {
  expect(parse(undefined).access.oidc).toEqual([]);
});

test('have defaults, and lists where one text was written', () => {
  const { access } = parse([{ ...SOUND, conditions: { ref: 'main' } }]);
  expect(access.oidc).toEqual([
    {
      name: 'ci',
      issuer: 'https://ci.example',
      audience: ['gatehouse'],
      kind: 'claims',
      user: 'ci:{sub}',
      conditions: { ref: ['main'] },
      clockTolerance: 30_000,
      algorithms: ['RS256', 'ES256', 'EdDSA', 'PS256', 'RS384', 'RS512', 'ES384', 'ES512'],
    },
  ]);
  expect([access.oidc, access.oidc[0], access.oidc[0]?.conditions['ref']].every(Object.isFrozen)).toBe(true);
});

test('are printed as they can be read again', () => {
  const config = parse([
    {
      ...SOUND,
      audience: ['a', 'b'],
      groups: { claim: 'groups', prefix: 'ci:' },
      conditions: { ref: ['x', 'y'], sub: 'z' },
    },
    { ...CLUSTER, jwksUrl: 'https://k8s.example/keys', clockTolerance: '1m', algorithms: ['RS256'] },
  ]);
  expect(parseConfig(printConfig(config), { source: 'x', folder: '/', environment: {} })).toEqual(config);
});

test('take a key with nothing after it as one left out, in a list too', () => {
  const text = `access:\n  oidc:\n    - ${JSON.stringify(SOUND).slice(1, -1).replaceAll(',"', '\n      "').replaceAll('":', '": ')}\n      groups:\n`;
  const { access } = parseConfig(text, { source: 'x', folder: '/', environment: {} });
  expect(access).toEqual(parse([SOUND]).access);
});

test.each([
  { issuer: 'http://127.0.0.1:8080' },
  { issuer: 'http://localhost/realm' },
  { issuer: 'http://[::1]:1' },
  { issuer: 'https://ci.example/with/path/' },
  { user: 'my-ci-2:x/{a.b}-{c}!' },
  { clockTolerance: '5m' },
  { groups: { claim: 'a.b', prefix: 'ci:' } },
  { groups: { claim: 'a', prefix: 'other:' } },
])('may say %j', (options) => {
  expect(problemsOf([{ ...SOUND, ...options }])).toEqual([]);
});

const FORM = 'expected a prefix, a colon and claims in braces, such as github:{repository}:{ref}';
const DROP = 'correct it, or remove the line';
const URL_FORM = 'expected an https URL without name, query and fragment (http only for this machine), found';
const ALGORITHMS = 'RS256 or ES256 or EdDSA or PS256 or RS384 or RS512 or ES384 or ES512';
const PATTERN = 'expected a pattern in quotes such as "acme/*", or a list of them, found';

describe('one issuer', () => {
  test.each<[Record<string, unknown>, string]>([
    [
      { name: undefined },
      'name: expected a word such as github, found nothing → add it: what the issuer is called in logs',
    ],
    [{ name: 'C I' }, 'name: expected a word of 1 to 32 of a-z 0-9 - that begins with a letter → correct it'],
    [{ issuer: 'http://ci.example' }, `issuer: ${URL_FORM} "http://ci.example" → correct it`],
    [{ issuer: 'http://127.0.0.1.ci.example' }, `issuer: ${URL_FORM} "http://127.0.0.1.ci.example" → correct it`],
    [{ issuer: 'https://me:pw@ci.example' }, `issuer: ${URL_FORM} "https://me:pw@ci.example" → correct it`],
    [{ issuer: 'https://ci.example?x' }, `issuer: ${URL_FORM} "https://ci.example?x" → correct it`],
    [{ issuer: 'https://ci.example#' }, `issuer: ${URL_FORM} "https://ci.example#" → correct it`],
    [{ issuer: ' https://ci.example' }, `issuer: ${URL_FORM} " https://ci.example" → correct it`],
    [{ issuer: 'file:///keys' }, `issuer: ${URL_FORM} "file:///keys" → correct it`],
    [{ issuer: 'kubernetes/serviceaccount' }, `issuer: ${URL_FORM} "kubernetes/serviceaccount" → correct it`],
    [{ issuer: 5 }, 'issuer: expected a URL such as https://issuer.example.com, found 5 → correct it'],
    [{ jwksUrl: 'http://ci.example/keys' }, `jwksUrl: ${URL_FORM} "http://ci.example/keys" → ${DROP}`],
    [{ audience: [] }, 'audience: expected an audience such as gatehouse, or a list of them, found [] → correct it'],
    [{ audience: '' }, 'audience: expected an audience such as gatehouse, or a list of them, found "" → correct it'],
    [
      { audience: undefined },
      'audience: expected an audience such as gatehouse, or a list of them, found nothing → add it: the aud that tokens for this registry have',
    ],
    [{ kind: 'github' }, `kind: expected claims or kubernetes, found "github" → ${DROP} to get the default, claims`],
    [
      { user: undefined },
      'user: expected a template, found nothing → add one such as github:{repository}, or kind: kubernetes',
    ],
    [{ user: 'ci:everyone' }, `user: ${FORM} → ${DROP}`],
    [{ user: '{sub}' }, `user: ${FORM} → ${DROP}`],
    [{ user: '{a}:{b}' }, `user: ${FORM} → ${DROP}`],
    [{ user: 'ci{sub}' }, `user: ${FORM} → ${DROP}`],
    [{ user: 'CI:{sub}' }, `user: ${FORM} → ${DROP}`],
    [{ user: ':{sub}' }, `user: ${FORM} → ${DROP}`],
    [{ user: 'ci:{sub' }, `user: ${FORM} → ${DROP}`],
    [{ user: 'ci:{}' }, `user: ${FORM} → ${DROP}`],
    [{ user: 'ci: {sub}' }, `user: ${FORM} → ${DROP}`],
    [{ user: 'robot+ci:{sub}' }, `user: ${FORM} → ${DROP}`],
    [{ user: 'ci:{a}{b}' }, `user: expected something between {a} and the claim behind it → ${DROP}`],
    [{ user: 'system:{sub}' }, `user: the prefix system: belongs to Gatehouse itself → ${DROP}`],
    [{ user: 'cert:{sub}' }, `user: the prefix cert: belongs to Gatehouse itself → ${DROP}`],
    [{ user: 'robot:{sub}' }, `user: the prefix robot: belongs to Gatehouse itself → ${DROP}`],
    [{ user: 'robots-of-ci:{sub}' }, `user: the prefix robots-of-ci: belongs to Gatehouse itself → ${DROP}`],
    [
      { groups: { claim: 'g' } },
      'groups.prefix: expected a prefix such as corp:, found nothing → add it: what their names get in front, such as corp:',
    ],
    [
      { groups: { claim: 'g', prefix: '' } },
      'groups.prefix: expected a prefix of a-z 0-9 - that ends in a colon, such as github: → correct it',
    ],
    [
      { groups: { claim: 'g', prefix: 'ci' } },
      'groups.prefix: expected a prefix of a-z 0-9 - that ends in a colon, such as github: → correct it',
    ],
    [
      { groups: { claim: 'g', prefix: 'system:' } },
      'groups.prefix: the prefix system: belongs to Gatehouse itself → correct it',
    ],
    [
      { groups: { claim: '', prefix: 'ci:' } },
      'groups.claim: expected the name of a claim, found nothing → correct it',
    ],
    [{ groups: 'g' }, 'groups: expected keys of its own, found "g" → the keys here are claim, prefix'],
    [{ conditions: 'main' }, `conditions: expected keys of its own, found "main" → ${DROP} to get the default, {}`],
    [{ conditions: { ref: null } }, `conditions.ref: ${PATTERN} nothing → ${DROP}`],
    [{ conditions: { ref: [] } }, `conditions.ref: ${PATTERN} [] → ${DROP}`],
    [{ conditions: { ref: true } }, `conditions.ref: ${PATTERN} true → ${DROP}`],
    [{ conditions: { ref: ['main', 5] } }, `conditions.ref: ${PATTERN} ["main",5] → ${DROP}`],
    [
      { clockTolerance: '6m' },
      `clockTolerance: expected a duration from 0s to 5m, found 6m → ${DROP} to get the default, 30s`,
    ],
    [{ algorithms: ['none'] }, `algorithms.0: expected ${ALGORITHMS}, found "none" → ${DROP}`],
    [{ algorithms: ['RS256', 'HS256'] }, `algorithms.1: expected ${ALGORITHMS}, found "HS256" → ${DROP}`],
    [{ usr: 'x' }, 'usr: unknown key → did you mean user?'],
  ])('may not say %j', (options, problem) => {
    expect(problemsOf([CLUSTER, { ...SOUND, ...options }])).toEqual([`access.oidc.1.${problem}`]);
  });

  test('may not be without algorithms', () => {
    expect(problemsOf([{ ...SOUND, algorithms: [] }])).toEqual([
      `access.oidc.0.algorithms: expected one or more of ${ALGORITHMS.replaceAll(' or ', ', ')} → ${DROP} to get the default, ["RS256","ES256","EdDSA","PS256","RS384","RS512","ES384","ES512"]`,
    ]);
  });

  test('of service accounts has no names of its own', () => {
    const remedy = 'remove it, or the kind: kubernetes beside it';
    expect(problemsOf([{ ...CLUSTER, user: 'k:{sub}', groups: { claim: 'g', prefix: 'k:' } }])).toEqual([
      `access.oidc.0.user: service accounts have names and groups of their own → ${remedy}`,
      `access.oidc.0.groups: service accounts have names and groups of their own → ${remedy}`,
    ]);
  });
});

describe('several issuers', () => {
  test('may stand side by side', () => {
    const other = { name: 'cd', issuer: 'https://cd.example', audience: 'gatehouse', user: 'cd:{sub}' };
    expect(problemsOf([SOUND, other, CLUSTER])).toEqual([]);
  });

  test.each([
    [
      { ...SOUND, issuer: 'https://b.example', user: 'b:{sub}' },
      'name: ci and ci both have the name ci → rename one of them',
    ],
    [
      { ...SOUND, name: 'b', user: 'b:{sub}' },
      'issuer: ci and b both have the issuer https://ci.example → join them: audience and conditions may be lists',
    ],
    [
      { ...SOUND, name: 'b', issuer: 'https://b.example', user: 'ci:x/{sub}' },
      'user: ci and b both have the prefix ci: → give one of them another prefix',
    ],
    [
      { ...SOUND, name: 'b', issuer: 'https://b.example', user: 'b:{sub}', groups: { claim: 'g', prefix: 'ci:' } },
      'groups.prefix: ci and b both have the prefix ci: → give one of them another prefix',
    ],
    [
      { ...CLUSTER, name: 'b', issuer: 'https://b.example' },
      'kind: k8s and b both have service accounts → keep one: names of several clusters could not be told apart',
    ],
  ])('may not be alike: %j', (other, problem) => {
    expect(problemsOf([SOUND, CLUSTER, other])).toEqual([`access.oidc.2.${problem}`]);
  });

  test('have all their problems told at once', () => {
    expect(
      problemsOf([SOUND, { ...SOUND, clockTolerance: '1h' }, { ...SOUND, name: 'b' }, NAMELESS, 'x', null]),
    ).toEqual([
      `access.oidc.1.clockTolerance: expected a duration from 0s to 5m, found 1h → ${DROP} to get the default, 30s`,
      'access.oidc.3.user: expected a template, found nothing → add one such as github:{repository}, or kind: kubernetes',
      expect.stringContaining('access.oidc.4: expected keys of its own, found "x"'),
      expect.stringContaining('access.oidc.5: expected keys of its own, found nothing'),
      expect.stringContaining('access.oidc.2.issuer: ci and b both have the issuer'),
      expect.stringContaining('access.oidc.2.user: ci and b both have the prefix ci:'),
    ]);
  });

  test('are a list', () => {
    expect(problemsOf(SOUND)[0]).toMatch(/^access\.oidc: expected a list, found .* → .* to get the default, \[\]$/);
  });
});
