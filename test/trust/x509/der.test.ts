import { describe, expect, test } from 'vitest';
import { DerError, oidOf, readDer, smallNumber, timeOf } from '#trust/x509/der.ts';

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

/** Undefined when it is refused. */
function attempt(read: () => string): string | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

describe('DER', () => {
  test.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a value that ends too late', '04 02 00'],
    ['a value and more', '05 00 00'],
    ['an indefinite length', '30 80 00 00'],
    ['a long length for a short one', '04 81 01 00'],
    ['a length with a zero before it', `04 82 00 80 ${'00'.repeat(0x80)}`],
    ['a length of five octets', '04 85 01 00 00 00 00'],
    ['a length that ends early', '04 84 01'],
    ['a tag that goes on', '1f 81 00 00'],
  ])('is not %s', (_, hex) => {
    expect(() => readDer(bytesOf(hex))).toThrow(DerError);
  });

  test.each([
    ['06 03 55 04 03', '2.5.4.3'],
    ['06 01 27', '0.39'],
    ['06 02 88 37', '2.999'],
    ['06 09 2a 86 48 86 f7 0d 01 07 02', '1.2.840.113549.1.7.2'],
    [`06 13 69 83${'ff'.repeat(16)}7f`, `2.25.${4n * 128n ** 17n - 1n}`],
  ])('%s names %s', (hex, want) => {
    expect(oidOf(readDer(bytesOf(hex)))).toBe(want);
  });

  test.each(['06 00', '06 01 80', `06 41${'01'.repeat(0x41)}`, '04 01 2a'])('%s names nothing', (hex) => {
    expect(() => oidOf(readDer(bytesOf(hex)))).toThrow(DerError);
  });

  test.each([
    ['17', '491231235959Z', '2049-12-31T23:59:59.000Z'],
    ['17', '500101000000Z', '1950-01-01T00:00:00.000Z'],
    ['18', '20240229000000Z', '2024-02-29T00:00:00.000Z'],
    ['18', '20260601120000.9999Z', '2026-06-01T12:00:00.999Z'],
    ['18', '20230229000000Z', undefined],
    ['18', '20260601240000Z', undefined],
    ['18', '20260601120000+0100', undefined],
    ['18', '202606011200Z', undefined],
    ['04', '20260601120000Z', undefined],
  ])('tag %s and %s is the time %s', (tag, text, want) => {
    const element = readDer(Buffer.concat([bytesOf(tag), Buffer.from([text.length]), Buffer.from(text)]));
    expect(attempt(() => new Date(timeOf(element)).toISOString())).toBe(want);
  });

  test.each([
    ['02 01 00', 0],
    ['02 02 00 80', 128],
    ['02 04 7f ff ff ff', 2 ** 31 - 1],
  ])('%s is the number %i', (hex, want) => {
    expect(smallNumber(readDer(bytesOf(hex)))).toBe(want);
  });

  test.each(['02 00', '02 01 80', '02 05 00 80 00 00 00'])('%s is no small number', (hex) => {
    expect(() => smallNumber(readDer(bytesOf(hex)))).toThrow(DerError);
  });
});
