import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ConfigProblem, pathText } from './problems.ts';

/** Where substitutions take their values from. */
export interface Sources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Folder that `${file:}` paths are relative to. */
  readonly folder: string;
}

/** A document with its substitutions made. */
export interface Substituted {
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  /** Path → what stood there, wherever something was put in: messages must show this and not the secret. */
  readonly written: ReadonlyMap<string, string>;
}

// `$${` stands for a literal `${`.
const REFERENCE = /\$\$\{|\$\{(?<body>[^}]*)\}?/g;

/**
 * Replaces `${env:NAME}` and `${file:path}` in every string of a document. A file's last line break is not part of it.
 *
 * What cannot be had becomes `undefined`, so that the default stands in and only one problem is reported.
 */
export function substitute(document: unknown, sources: Sources): Substituted {
  const problems: ConfigProblem[] = [];
  const written = new Map<string, string>();

  const visit = (value: unknown, path: readonly string[]): unknown => {
    if (typeof value === 'string') return inString(value, path);
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, String(index)]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key])]));
  };

  const inString = (text: string, path: readonly string[]): string | undefined => {
    let failed = false;
    const result = text.replace(REFERENCE, (reference, body: string | undefined) => {
      if (body === undefined) return '${';
      const found = lookUp(body, sources);
      if (found.value !== undefined) return found.value;
      problems.push({ path: pathText(path), problem: found.problem, remedy: found.remedy });
      failed = true;
      return reference;
    });
    if (result !== text) written.set(pathText(path), text);
    return failed ? undefined : result;
  };

  return { value: visit(document, []), problems, written };
}

type Found =
  | { readonly value: string }
  | { readonly value?: undefined; readonly problem: string; readonly remedy: string };

function lookUp(body: string, { environment, folder }: Sources): Found {
  const [kind, ...rest] = body.split(':');
  const name = rest.join(':');
  if (kind === 'env' && name !== '') {
    const value = environment[name];
    if (value !== undefined) return { value };
    return { problem: `the environment variable ${name} is not set`, remedy: `set ${name}, or write the value itself` };
  }
  if (kind === 'file' && name !== '') return readSecret(resolve(folder, name));
  return {
    problem: `expected \${env:NAME} or \${file:path}, found \${${body}}`,
    remedy: 'correct it; a literal ${ is written $${',
  };
}

function readSecret(path: string): Found {
  try {
    return { value: readFileSync(path, 'utf8').replace(/\r?\n$/, '') };
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { problem: `cannot read ${path} (${reason})`, remedy: 'create the file, or let this user read it' };
  }
}
