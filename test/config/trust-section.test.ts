import { expect, test } from 'vitest';
import { parseTrustSection } from '#config/load.ts';

const SOURCES = { source: 'intended.yaml', folder: '/etc/gatehouse', environment: { PATTERN: 'team-a/**' } };

test.each([
  ['a whole configuration', 'log: { level: "${env:UNSET}" }\ntrust: { policies: [{ repositories: x }] }'],
  ['a section with its name', 'trust: { policies: [{ repositories: x }] }'],
  ['a section without its name', 'policies: [{ repositories: x }]'],
])('the section is found in %s', (_, text) => {
  expect(parseTrustSection(text, SOURCES)).toEqual({ policies: [{ repositories: 'x' }] });
});

test('substitutions are made, and files of roots lie beside the file', () => {
  const text = `
roots:
  release: { keys: [keys/release.pub] }
  corp: { x509: [/etc/corp.pem], revoked: [corp.crl, "http://crl.example.com/corp.crl"] }
policies: [{ repositories: "\${env:PATTERN}" }]`;
  expect(parseTrustSection(text, SOURCES)).toMatchObject({
    roots: {
      release: { keys: ['/etc/gatehouse/keys/release.pub'] },
      corp: { x509: ['/etc/corp.pem'], revoked: ['/etc/gatehouse/corp.crl', 'http://crl.example.com/corp.crl'] },
    },
    policies: [{ repositories: 'team-a/**' }],
  });
});

test('roots that are wrong are left for the trust room to refuse', () => {
  const roots = { release: { keys: 'not a list' } };
  expect(parseTrustSection(JSON.stringify({ roots }), SOURCES)).toEqual({ roots });
});

test.each([
  ['policies: [', 'line 1, column 12'],
  ['', 'expected policies, found none'],
  ['- policies', 'expected policies, found none'],
  ['trust: { }', 'expected policies, found none'],
  ['log: { level: debug }', 'expected policies, found none'],
  ['policies: [{ repositories: "${env:UNSET}" }]', 'the environment variable UNSET is not set'],
])('%j is refused in words', (text, want) => {
  expect(() => parseTrustSection(text, SOURCES)).toThrow(want);
});
