// Semantic Versioning 2.0.0, section 2, 9 and 10. A tag cannot hold a plus: Helm writes an underscore for it.
const FORM =
  /^v?(?<major>0|[1-9]\d*)\.(?<minor>0|[1-9]\d*)\.(?<patch>0|[1-9]\d*)(?:-(?<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:[+_][0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
const NUMBER = /^\d+$/;
const LEADING_ZERO = /^0\d/;

/** A version: what precedence looks at. */
export interface Version {
  /** Major, minor, patch: digits, which may be more than a number holds. */
  readonly core: readonly [string, string, string];
  readonly prerelease: readonly string[];
}

/**
 * Reads a version of three numbers, with or without a `v` in front; undefined for every other text, `1.27` too.
 * Semantic Versioning 2.0.0.
 */
export function parseVersion(text: string): Version | undefined {
  const { major, minor, patch, pre } = FORM.exec(text)?.groups ?? {};
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  const prerelease = pre?.split('.') ?? [];
  if (prerelease.some((part) => NUMBER.test(part) && LEADING_ZERO.test(part))) return undefined;
  return { core: [major, minor, patch], prerelease };
}

/** Below zero when the first precedes the second. Build metadata does not count. Semantic Versioning 2.0.0, section 11. */
export function compareVersions(one: Version, other: Version): number {
  for (const [index, number] of one.core.entries()) {
    const order = compareNumbers(number, other.core[index] ?? '0');
    if (order !== 0) return order;
  }
  // 11.3: a version with a pre-release precedes the one without.
  if (one.prerelease.length === 0 || other.prerelease.length === 0) {
    return Number(other.prerelease.length > 0) - Number(one.prerelease.length > 0);
  }
  for (const [index, part] of one.prerelease.entries()) {
    const counterpart = other.prerelease[index];
    // 11.4.4: of two that are alike so far the one with more fields is higher.
    if (counterpart === undefined) return 1;
    const order = compareIdentifiers(part, counterpart);
    if (order !== 0) return order;
  }
  return one.prerelease.length - other.prerelease.length;
}

/** 11.4: numbers by value and before words, words by their bytes. */
function compareIdentifiers(one: string, other: string): number {
  const [isNumber, isOtherNumber] = [NUMBER.test(one), NUMBER.test(other)];
  if (isNumber && isOtherNumber) return compareNumbers(one, other);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Without leading zeros the longer number is the larger. */
function compareNumbers(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : one > other ? 1 : 0;
}
