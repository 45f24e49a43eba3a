import { X509Certificate, createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { RootOptions, TrustOptions } from './options.ts';
import { publicKeysIn } from './public-keys.ts';
import type { RevocationList, Root, X509Root } from './root.ts';
import { readRootFile } from './root-file.ts';

/** How roots are read. */
export interface RootSources {
  /** Roots that were read before: what has not changed stays the same object, so that nothing is parsed twice. */
  readonly before?: ReadonlyMap<string, Root> | undefined;
  /**
   * Brings a revocation list from a file or URL.
   *
   * @throws {Error} which it is and why it cannot be had, as a sentence without secrets of the URL
   */
  readonly revocationList?: ((location: string) => Promise<RevocationList>) | undefined;
}

/**
 * Reads what roots are made of. One that cannot be read or used is there all the same and has a problem: it vouches for
 * nobody. Nothing is thrown.
 *
 * @param options with absolute paths
 */
export async function loadRoots(options: TrustOptions, sources: RootSources = {}): Promise<Map<string, Root>> {
  const roots = new Map<string, Root>();
  for (const [name, root] of Object.entries(options.roots)) roots.set(name, await loadRoot(name, root, sources));
  return roots;
}

async function loadRoot(name: string, options: RootOptions, { before, revocationList }: RootSources): Promise<Root> {
  const old = before?.get(name);
  try {
    if (options.keys !== undefined) return await loadKeys(options.keys, name, old);
    if (options.sigstore !== undefined) return await loadSigstore(options.sigstore, name, old);
    if (options.openpgp !== undefined) return await loadOpenPgp(options.openpgp, name, old);
    return await loadX509(options, name, { old, revocationList: revocationList ?? fetchList });
  } catch (error) {
    return unusable(options, name, error instanceof Error ? error.message : String(error));
  }
}

/** What people are told of a file. Where it lies is the server's business, and may differ from node to node. */
function nameOf(file: string): string {
  return basename(file);
}

/** A root of the kind that was asked for with nothing in it. */
function unusable(options: RootOptions, name: string, problem: string): Root {
  const made = { name, version: versionOf(['problem', problem], []), problem };
  if (options.keys !== undefined) return { ...made, kind: 'keys', keys: [] };
  if (options.sigstore !== undefined) return { ...made, kind: 'sigstore', trustedRoot: undefined };
  if (options.openpgp !== undefined) return { ...made, kind: 'openpgp', keys: [] };
  const nobody = { authorities: [], timeStampAuthorities: [], revocationLists: [] };
  return { ...made, ...nobody, kind: 'x509', store: options.store ?? 'ca' };
}

async function loadKeys(files: readonly string[], name: string, old: Root | undefined): Promise<Root> {
  const contents = await readAll(files);
  const version = versionOf(['keys', ...files.map(nameOf)], contents);
  if (old?.kind === 'keys' && isSame(old, version)) return old;
  const found = files.flatMap((file, index) =>
    parsed(file, () => publicKeysIn(contents[index] ?? new Uint8Array(), nameOf(file))),
  );
  // A key in two files is one key.
  const keys = found.filter(({ spkiHash }, index) => found.findIndex((key) => key.spkiHash === spkiHash) === index);
  return { kind: 'keys', name, version, problem: undefined, keys };
}

async function loadSigstore(file: string, name: string, old: Root | undefined): Promise<Root> {
  const bytes = await readRootFile(file);
  const version = versionOf(['sigstore'], [bytes]);
  if (old?.kind === 'sigstore' && isSame(old, version)) return old;
  const { parseTrustedRoot } = await import('./sigstore/trusted-root.ts');
  const trustedRoot = parsed(file, () => parseTrustedRoot(bytes));
  return { kind: 'sigstore', name, version, problem: undefined, trustedRoot };
}

async function loadOpenPgp(file: string, name: string, old: Root | undefined): Promise<Root> {
  const bytes = await readRootFile(file);
  const version = versionOf(['openpgp'], [bytes]);
  if (old?.kind === 'openpgp' && isSame(old, version)) return old;
  const { readKeyring } = await import('./openpgp/keyring.ts');
  try {
    return { kind: 'openpgp', name, version, problem: undefined, keys: await readKeyring(bytes) };
  } catch (error) {
    throw about(file, error);
  }
}

interface X509Sources {
  readonly old: Root | undefined;
  readonly revocationList: (location: string) => Promise<RevocationList>;
}

async function loadX509(options: RootOptions, name: string, { old, revocationList }: X509Sources): Promise<Root> {
  const { x509: files = [], timeStamps = [], revoked = [], store = 'ca' } = options;
  const contents = await readAll(files);
  const stampContents = await readAll(timeStamps);
  const revocationLists: RevocationList[] = [];
  for (const location of revoked) revocationLists.push(await revocationList(location));
  const lists = revocationLists.map(({ bytes }) => bytes);
  const words = ['x509', store, String(files.length), String(timeStamps.length)];
  const version = versionOf(words, [...contents, ...stampContents, ...lists]);
  if (old?.kind === 'x509' && isSame(old, version)) return old;
  return {
    kind: 'x509',
    name,
    version,
    problem: undefined,
    store,
    authorities: certificatesOf(files, contents),
    timeStampAuthorities: certificatesOf(timeStamps, stampContents),
    revocationLists,
  } satisfies X509Root;
}

async function fetchList(location: string): Promise<RevocationList> {
  const { fetchRevocationList } = await import('./x509/revocation-lists.ts');
  return fetchRevocationList(location);
}

function certificatesOf(files: readonly string[], contents: readonly Uint8Array[]): X509Certificate[] {
  return files.flatMap((file, index) => parsed(file, () => certificatesIn(contents[index] ?? new Uint8Array())));
}

// A bundle of all authorities that browsers trust has 150.
const CERTIFICATES_MAX = 1000;

function certificatesIn(bytes: Uint8Array): X509Certificate[] {
  const text = Buffer.from(bytes).toString('latin1');
  const labels = Array.from(text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----/g), ([, label]) => label ?? '');
  const strange = labels.find((label) => label !== 'CERTIFICATE');
  if (strange !== undefined) throw new Error(`expected PEM of CERTIFICATE, found ${strange}`);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length !== labels.length)
    throw new Error('expected PEM of CERTIFICATE, found none');
  if (blocks.length > CERTIFICATES_MAX) throw new Error(`expected at most ${CERTIFICATES_MAX} certificates`);
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new Error('a CERTIFICATE in it cannot be read', { cause: error });
    }
  });
}

async function readAll(files: readonly string[]): Promise<Uint8Array[]> {
  const contents: Uint8Array[] = [];
  for (const file of files) contents.push(await readRootFile(file));
  return contents;
}

function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw about(file, error);
  }
}

/** An error whose words begin with what it is about. */
function about(file: string, error: unknown): Error {
  const words = error instanceof Error ? error.message : String(error);
  return new Error(words.includes(file) ? words : `${file}: ${words}`, { cause: error });
}

function isSame(old: Root, version: string): boolean {
  return old.problem === undefined && old.version === version;
}

function versionOf(words: readonly string[], contents: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(JSON.stringify(words));
  // Each with its own hash: the end of one file is not the beginning of the next.
  for (const bytes of contents) hash.update(createHash('sha256').update(bytes).digest());
  return hash.digest('hex');
}
