import { RegistryError } from './errors.ts';

/** 255: the longest name that common clients take, host included. Distribution Spec v1.1.1, "Pulling manifests". */
export const NAME_MAX_LENGTH = 255;
/** 128: Distribution Spec v1.1.1, "Pulling manifests". */
export const TAG_MAX_LENGTH = 128;

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Whether the text names a repository. Distribution Spec v1.1.1, "Pulling manifests". */
export function isName(text: string): boolean {
  // By component: one expression over the whole would backtrack on long hostile names.
  return text.length <= NAME_MAX_LENGTH && text.split('/').every((component) => COMPONENT.test(component));
}

/** @throws {RegistryError} NAME_INVALID */
export function parseName(text: string): string {
  if (isName(text)) return text;
  const problem =
    text.length > NAME_MAX_LENGTH
      ? `expected a repository name of at most ${NAME_MAX_LENGTH} characters, found ${text.length}`
      : 'expected lower-case letters and digits, joined by one of . _ __ - and separated by /';
  throw new RegistryError('NAME_INVALID', problem, { detail: { name: text.slice(0, NAME_MAX_LENGTH) } });
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** @throws {RegistryError} MANIFEST_INVALID: the specification has no code of its own for tags */
export function parseTag(text: string): string {
  if (isTag(text)) return text;
  const problem =
    text.length > TAG_MAX_LENGTH
      ? `expected a tag of at most ${TAG_MAX_LENGTH} characters, found ${text.length}`
      : 'expected a tag of letters, digits, . _ and -, not beginning with . or -';
  throw new RegistryError('MANIFEST_INVALID', problem, { detail: { tag: text.slice(0, TAG_MAX_LENGTH) } });
}
