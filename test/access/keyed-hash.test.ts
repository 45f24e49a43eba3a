import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_TEXT_LENGTH, openKeyedHash } from '#access/keyed-hash.ts';

test('is HMAC-SHA256, as Node computes it', () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 64 });
  const texts = fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(key, texts, (secret, list) => {
      const keyedHash = openKeyedHash(secret);
      expect(list.map(keyedHash)).toEqual(
        list.map((text) => createHmac('sha256', secret).update(text, 'utf8').digest('base64')),
      );
    }),
  );
});

test('takes texts of any width up to its bound', () => {
  const keyedHash = openKeyedHash(Buffer.from('key'));
  const text = '€'.repeat(MAX_TEXT_LENGTH);
  expect(keyedHash(text)).toBe(createHmac('sha256', 'key').update(text).digest('base64'));
  expect(() => keyedHash(`${text}.`)).toThrow(RangeError);
});
