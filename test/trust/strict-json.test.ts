import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStrictJson } from '#trust/strict-json.ts';
import { VerificationError } from '#trust/testimony.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string): unknown => parseStrictJson(bytesOf(text), { maxBytes: 1 << 20 });

const refusal = { refused: true };

/** What was read, or that it was refused in the one way there is. */
function outcomeOf(read: () => unknown): object {
  try {
    return { value: read() };
  } catch (error) {
    return error instanceof VerificationError ? refusal : { threw: String(error) };
  }
}

describe('strict JSON', () => {
  test('reads whatever JSON.parse reads, when no member is repeated', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, '\t', ' '), (text, indent) => {
        const value: unknown = JSON.parse(text);
        const written = JSON.stringify(value, undefined, indent);
        expect(parse(written)).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  test('reads nothing that JSON.parse does not', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 2 }), (text, position, inserted) => {
        const at = position % (text.length + 1);
        const mutated = text.slice(0, at) + inserted + text.slice(at + 1);
        expect([refusal, outcomeOf(() => JSON.parse(mutated))]).toContainEqual(outcomeOf(() => parse(mutated)));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['a member twice', '{"a":1,"a":2}', 'twice: "a"'],
    ['the same value twice', '{"a":1,"a":1}', 'twice: "a"'],
    ['a member twice, once escaped', '{"a":1,"\\u0061":2}', 'twice: "a"'],
    ['a member twice, a level down', '{"x":[{"critical":{},"b":{"a":1}, "critical" \n:{}}]}', 'twice: "critical"'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}', 'twice: "__proto__"'],
    ['an empty name twice', '{"":1,"":2}', 'twice: ""'],
    ['too deep an array', '['.repeat(129) + ']'.repeat(129), 'over 128 deep'],
    ['a million levels', '['.repeat(1_000_000), 'over 128 deep'],
    ['too deep an object', `${'{"a":'.repeat(129)}1${'}'.repeat(129)}`, 'over 128 deep'],
    ['nothing', '', 'expected a JSON document'],
    ['half a document', '{"a":', 'expected a JSON document'],
    ['half a string', '{"a', 'expected a JSON document'],
    ['half an escape', '{"a\\', 'expected a JSON document'],
    ['a bad escape in a name', '{"\\x":1}', 'expected a JSON document'],
    ['more after the end', '{} {}', 'expected a JSON document'],
    ['a comment', '{} // x', 'expected a JSON document'],
    ['a byte order mark', '\uFEFF{}', 'expected a JSON document'],
  ])('refuses %s', (_, text, problem) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({
        name: 'VerificationError',
        check: 'integrity',
        message: expect.stringContaining(problem),
      }),
    );
  });

  test.each([
    ['the same member of two objects', '[{"a":1},{"a":2},{"b":{"a":1}}]'],
    ['a member named as its parent', '{"a":{"a":{"a":1}},"b":1}'],
    ['a value that repeats a name', '{"a":"a","b":["a","a"]}'],
    ['brackets and quotes in strings', '{"a":"{\\"a\\":[","b":"\\\\"}'],
    ['128 levels', '['.repeat(128) + ']'.repeat(128)],
  ])('reads %s', (_, text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  test('refuses what is no UTF-8', () => {
    expect(() => parseStrictJson(Uint8Array.of(0x22, 0xc3, 0x28, 0x22), { maxBytes: 9 })).toThrow(
      'expected a JSON document',
    );
  });

  test('refuses a byte more than allowed', () => {
    expect(parseStrictJson(bytesOf('"abcd"'), { maxBytes: 6 })).toBe('abcd');
    expect(() => parseStrictJson(bytesOf('"abcde"'), { maxBytes: 6 })).toThrow(
      'expected at most 6 bytes of JSON, found 7',
    );
  });
});
