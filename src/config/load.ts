import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { type RootOptions, rootOptions } from '#trust/options.ts';
import { ConfigError, type ConfigProblem, pathText, problemsOf, shown } from './problems.ts';
import { type Config, configJsonSchema, configSchema } from './schema.ts';
import { type Sources, substitute } from './substitute.ts';

export { ConfigError, type ConfigProblem } from './problems.ts';

/** The file that is read when none is named: the manual's first page, beside package.json. */
export const standardConfigFile = fileURLToPath(new URL('../../registry.config.yaml', import.meta.url));

/** What a configuration is made from. */
export interface ConfigSource {
  /** Path of the file; {@link standardConfigFile} when absent. */
  readonly file?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads a configuration file; what it leaves out has its default, and an empty file is all defaults.
 *
 * Relative paths resolve against the folder of the file. The result is frozen through and through.
 *
 * @throws {ConfigError} with every problem at once
 */
export async function loadConfig({ file, environment }: ConfigSource): Promise<Config> {
  const path = resolve(file ?? standardConfigFile);
  const text = await readText(path);
  return parseConfig(text, { source: path, folder: dirname(path), environment });
}

/** Parses the text of a configuration file; see {@link loadConfig}. */
export function parseConfig(text: string, { source, ...sources }: Sources & { source: string }): Config {
  const substituted = substitute(parseYaml(text, source), sources);
  const result = configSchema.safeParse(withoutNulls(substituted.value) ?? {}, { reportInput: true });
  const schema = configJsonSchema();
  const problems = [...substituted.problems];
  for (const issue of result.error?.issues ?? []) {
    const written = substituted.written.get(pathText(issue.path));
    const hide = (words: string): string =>
      written === undefined ? words : words.replaceAll(shown(issue.input), () => written);
    problems.push(...problemsOf(issue, schema).map((one) => ({ ...one, problem: hide(one.problem) })));
  }
  if (result.data === undefined || problems.length > 0) throw new ConfigError(source, problems);
  return deepFreeze(withAbsolutePaths(result.data, sources.folder));
}

/**
 * Reads the section `trust` out of the text of a configuration file, or takes a file that holds nothing else, with or
 * without that word above it. Files that roots name are relative to the folder. What it says is for the trust room to check.
 *
 * @throws {ConfigError} it is no YAML, no such section, or a substitution in it cannot be made
 */
export function parseTrustSection(
  text: string,
  { source, ...sources }: Sources & { source: string },
): Record<string, unknown> {
  const document = withoutNulls(parseYaml(text, source));
  const substituted = substitute(sectionOf(document) ?? document, sources);
  if (substituted.problems.length > 0) throw new ConfigError(source, substituted.problems);
  const { value } = substituted;
  if (!isMapping(value) || !('policies' in value || 'roots' in value)) {
    const problem = 'expected policies, found none';
    throw new ConfigError(source, [
      { path: 'trust', problem, remedy: 'write them as trust: has them in the configuration' },
    ]);
  }
  const { data: roots } = z.record(z.string(), rootOptions).safeParse(value['roots']);
  if (roots === undefined) return { ...value };
  return { ...value, roots: mapValues(roots, (root) => withAbsoluteFiles(root, sources.folder)) };
}

function sectionOf(document: unknown): unknown {
  return isMapping(document) ? document['trust'] : undefined;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const missing = code === 'ENOENT';
    const problem = missing ? 'there is no such file' : `cannot be read (${String(code)})`;
    const remedy = missing
      ? 'name another with --config, or create it: an empty file means all defaults'
      : 'let this user read it';
    throw new ConfigError('configuration', [{ path, problem, remedy }], { cause: error });
  }
}

function parseYaml(text: string, source: string): unknown {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  // Warnings too: an unknown tag would otherwise silently become a string.
  const faults = [...document.errors, ...document.warnings];
  const slip = faults.findIndex(({ code }) => code !== 'DUPLICATE_KEY');
  // Behind the first slip in the syntax everything looks wrong; what comes before it counts.
  const problems = faults.slice(0, slip === -1 ? undefined : slip + 1).map((fault): ConfigProblem => {
    const { line, col } = lines.linePos(fault.pos[0]);
    const path = `line ${line}, column ${col}`;
    if (fault.code === 'DUPLICATE_KEY')
      return { path, problem: 'this key stands here twice', remedy: 'keep one of them' };
    return { path, problem: fault.message, remedy: 'correct the YAML; text with { } : or # in it needs quotes' };
  });
  if (problems.length > 0) throw new ConfigError(source, problems);
  return document.toJS({ maxAliasCount: 100 });
}

/** A key with nothing after it, as when all below it is commented out, is a key left out. */
function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined;
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutNulls(item)]));
}

function withAbsolutePaths(config: Config, folder: string): Config {
  const { storage, metadata, http, trust } = config;
  const absolute = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(folder, path);
  const { files, clientCertificates } = http.tls;
  const tls = {
    ...http.tls,
    files: { certificate: absolute(files.certificate), key: absolute(files.key) },
    clientCertificates: { ...clientCertificates, authority: absolute(clientCertificates.authority) },
  };
  return {
    ...config,
    http: { ...http, tls },
    storage: { ...storage, filesystem: { ...storage.filesystem, root: resolve(folder, storage.filesystem.root) } },
    metadata: { ...metadata, sqlite: { ...metadata.sqlite, path: resolve(folder, metadata.sqlite.path) } },
    trust: { ...trust, roots: mapValues(trust.roots, (root) => withAbsoluteFiles(root, folder)) },
  };
}

function withAbsoluteFiles(root: RootOptions, folder: string): RootOptions {
  const absolute = (path: string): string => (/^https?:\/\//.test(path) ? path : resolve(folder, path));
  return {
    ...root,
    keys: root.keys?.map(absolute),
    sigstore: root.sigstore === undefined ? undefined : absolute(root.sigstore),
    x509: root.x509?.map(absolute),
    timeStamps: root.timeStamps?.map(absolute),
    revoked: root.revoked?.map(absolute),
    openpgp: root.openpgp === undefined ? undefined : absolute(root.openpgp),
  };
}

function mapValues<T>(values: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item);
    Object.freeze(value);
  }
  return value;
}
