import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf, isDigest, parseDigest } from '#oci/digest.ts';
import { isName, isTag, parseName, parseTag } from '#oci/name.ts';
import { parseReference } from '#oci/reference.ts';

// The specification's own expressions, anchored: ours must agree with them on every text.
const SPEC_NAME = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const SPEC_TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

const nearName = fc.oneof(
  fc.stringMatching(/^[a-z0-9._/-]{1,12}$/),
  fc.stringMatching(/^[a-zA-Z0-9._/ -]{1,12}$/),
  fc.string({ maxLength: 12 }),
);

describe('a repository name', () => {
  it('is what the specification says it is', () => {
    fc.assert(
      fc.property(nearName, (text) => {
        expect(isName(text)).toBe(SPEC_NAME.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['a', 'a/b', 'a-b', 'a--b', 'a---b', 'a__b', 'a.b', 'a_b', '0/1', 'a'.repeat(255)])('may be %s', (name) => {
    expect(parseName(name)).toBe(name);
  });

  it.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'A',
    'a..b',
    'a___b',
    '-a',
    'a-',
    'a/-b',
    '.',
    '..',
    'a\n',
    'ä',
    'a'.repeat(256),
  ])('may not be %j', (name) => {
    expect(() => parseName(name)).toThrowError(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('is judged quickly, however it is made', () => {
    // An expression over the whole name would take years for this one.
    expect(isName(`${'a-'.repeat(120)}!`)).toBe(false);
  });
});

describe('a tag', () => {
  it('is what the specification says it is', () => {
    const near = fc.oneof(fc.stringMatching(/^[a-zA-Z0-9._-]{0,8}$/), fc.string({ maxLength: 8 }));
    fc.assert(
      fc.property(near, (text) => {
        expect(isTag(text)).toBe(SPEC_TAG.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('has at most 128 characters', () => {
    expect(parseTag('t'.repeat(128))).toHaveLength(128);
    expect(() => parseTag('t'.repeat(129))).toThrowError(/at most 128/);
  });
});

describe('a digest', () => {
  it('of any bytes is one, and nothing near it is', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom('sha256', 'sha512'), fc.nat(130), (bytes, algorithm, at) => {
        const digest = digestOf(bytes, algorithm);
        expect(parseDigest(digest)).toBe(digest);
        const cut = digest.slice(0, at) + digest.slice(at + 1);
        expect(isDigest(cut)).toBe(cut === digest);
        expect(isDigest(`${digest}0`)).toBe(false);
        expect(isDigest(digest.toUpperCase())).toBe(false);
      }),
    );
  });

  it('has known values', () => {
    expect(digestOf(Buffer.from(''), 'sha256')).toBe(
      'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    expect(digestOf(Buffer.from('abc'), 'sha512')).toMatch(/^sha512:ddaf35a193617abacc417349ae204131/);
  });
});

describe('a reference', () => {
  it('is a tag or a digest, and never both', () => {
    const digest = digestOf(Buffer.from('x'), 'sha256');
    expect(parseReference(digest)).toEqual({ digest });
    expect(parseReference('v1.0')).toEqual({ tag: 'v1.0' });
    expect(() => parseReference('sha256:1')).toThrowError(expect.objectContaining({ code: 'DIGEST_INVALID' }));
    expect(() => parseReference('a b')).toThrowError(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
  });
});
