/** How a token's claims become a name, such as `github:{repository}:{ref}`. */
export interface UserTemplate {
  /** What all names begin with, colon included: `github:`. */
  readonly prefix: string;
  /** What stands between the prefix and the first claim; mostly nothing. */
  readonly lead: string;
  readonly parts: readonly TemplatePart[];
}

interface TemplatePart {
  /** A key of the token, or a path of keys joined by dots. */
  readonly claim: string;
  /** The literal text behind the claim's value; only the last may be empty. */
  readonly after: string;
}

const FORM = /^(?<prefix>[a-z0-9-]+:)(?<lead>[^{}]*)(?<parts>(?:\{[^{}]+\}[^{}]*)+)$/;
const PART = /\{(?<claim>[^{}]+)\}(?<after>[^{}]*)/g;

/** What is wrong with the text of a template; undefined when nothing is. */
export function templateFault(text: string): string | undefined {
  const template = readTemplate(text);
  if (template === undefined || /[\p{C}\p{Z}]/u.test(text)) {
    return 'expected a prefix, a colon and claims in braces, such as github:{repository}:{ref}';
  }
  const fault = prefixFault(template.prefix);
  if (fault !== undefined) return fault;
  const joined = template.parts.slice(0, -1).find(({ after }) => after === '');
  // {a}{b} makes the same of "x" and "yz" as of "xy" and "z".
  return joined === undefined ? undefined : `expected something between {${joined.claim}} and the claim behind it`;
}

/** What is wrong with a prefix such as `github:`; undefined when nothing is. */
export function prefixFault(prefix: string): string | undefined {
  if (!/^[a-z0-9-]+:$/.test(prefix)) return 'expected a prefix of a-z 0-9 - that ends in a colon, such as github:';
  const word = prefix.slice(0, -1);
  const isOurs = word === 'system' || word === 'cert' || word.startsWith('robot');
  return isOurs ? `the prefix ${prefix} belongs to Gatehouse itself` : undefined;
}

/**
 * Parses a template that has no fault.
 *
 * @throws {Error} it has one
 */
export function parseTemplate(text: string): UserTemplate {
  const template = readTemplate(text);
  if (template === undefined) throw new Error(`expected a template such as github:{repository}:{ref}, found ${text}`);
  return template;
}

/**
 * Fills a template in; undefined when a value holds text that joins claims here, or ends in the beginning of it: the name
 * would not tell where one value ends and the next begins, and two identities could look alike.
 */
export function fillTemplate({ prefix, lead, parts }: UserTemplate, values: readonly string[]): string | undefined {
  const joints = parts.slice(0, -1).map(({ after }) => after);
  if (values.some((value) => joints.some((joint) => value.includes(joint)))) return undefined;
  // With "::" between them, "a:" and "b" would come out as "a" and ":b" do.
  if (joints.some((joint, index) => `${values[index]}${joint}`.indexOf(joint) !== values[index]?.length)) {
    return undefined;
  }
  return `${prefix}${lead}${parts.map(({ after }, index) => `${values[index]}${after}`).join('')}`;
}

function readTemplate(text: string): UserTemplate | undefined {
  const { prefix, lead, parts } = FORM.exec(text)?.groups ?? {};
  if (prefix === undefined || lead === undefined || parts === undefined) return undefined;
  const read = Array.from(parts.matchAll(PART), ({ groups }) => ({
    claim: groups?.['claim'] ?? '',
    after: groups?.['after'] ?? '',
  }));
  return { prefix, lead, parts: read };
}
