import type { Digest } from '#oci/digest.ts';
import type { Missing } from './policy.ts';
import type { Root } from './root.ts';
import { plainKey } from './statement.ts';

/** What is to be signed. */
export interface HintSubject {
  readonly repository: string;
  readonly digest: Digest;
  /** A tag that waits for it, for clients that sign as they push. */
  readonly tag?: string | undefined;
  /** Name and port of this registry; undefined: `HOST` stands for it. */
  readonly host?: string | undefined;
  /** Those of the policy, to name keys by their files. */
  readonly roots?: readonly Root[] | undefined;
}

/** Stands in a command for the name of a registry that does not know it. */
const HOST_PLACEHOLDER = 'HOST';

/**
 * The commands that bring what is missing, each an alternative, ready to be typed but for what stands in `<…>`. Empty when
 * no client makes such a thing.
 */
export function hintsFor(missing: Missing, subject: HintSubject): string[] {
  const { host = HOST_PLACEHOLDER, repository, digest } = subject;
  const image = `${host}/${repository}@${digest}`;
  const root = subject.roots?.find(({ name }) => name === missing.root);
  switch (missing.kind) {
    case 'keys':
      return [cosignWithKey(missing, image, root)];
    case 'sigstore':
      return [cosignKeyless(missing, image)];
    case 'x509':
      return notation(missing, image);
    case 'openpgp':
      return simpleSigning(missing, image, { ...subject, host, root });
  }
}

/** What `http.publicUrl` is called in the name of an image. */
export function hostOf(publicUrl: string | undefined): string | undefined {
  return URL.parse(publicUrl ?? '')?.host;
}

// A key needs no log. Without these two words cosign v3 writes to the public one, and needs the internet for that.
const OFFLINE = '--use-signing-config=false --tlog-upload=false';

function cosignWithKey({ statement }: Missing, image: string, root: Root | undefined): string {
  const key = `--key ${placeholder(`private key of ${keyName(statement.key, root) ?? statement.root}`)}`;
  return `${cosignVerb(statement.predicateType)} ${key} ${OFFLINE} ${image}`;
}

function cosignKeyless({ statement }: Missing, image: string): string {
  const identity = statement.identity ?? statement.identityPattern ?? 'somebody';
  return `${cosignVerb(statement.predicateType)} ${image}  # as ${plainText(identity)} of ${plainText(statement.issuer ?? '')}`;
}

function cosignVerb(predicateType: string | undefined): string {
  if (predicateType === undefined) return 'cosign sign';
  return `cosign attest --type ${shellWord(predicateType)} --predicate ${placeholder('file')}`;
}

function notation({ statement }: Missing, image: string): string[] {
  // Notary Project, signature-specification.md v1.1.0: a signature is over the image, and holds no predicate.
  if (statement.predicateType !== undefined) return [];
  const who = statement.subject === undefined ? '' : ` for ${plainText(statement.subject)}`;
  return [`notation sign --key ${placeholder(`name of a key with a certificate of ${statement.root}${who}`)} ${image}`];
}

function simpleSigning(
  { statement }: Missing,
  image: string,
  { host, repository, tag, root }: HintSubject & { readonly root: Root | undefined },
): string[] {
  if (statement.predicateType !== undefined) return [];
  const fingerprints = root?.kind === 'openpgp' ? root.keys.map((key) => key.getFingerprint().toUpperCase()) : [];
  const only = fingerprints.length === 1 ? fingerprints[0] : undefined;
  const key = statement.key === undefined ? only : plainKey(statement.key).toUpperCase();
  const by = `--sign-by ${key ?? placeholder(`fingerprint of a key of ${statement.root}`)}`;
  const push = tag === undefined ? [] : [`podman push ${by} ${host}/${repository}:${tag}`];
  return [`skopeo copy --all --preserve-digests ${by} docker://${image} docker://${image}`, ...push];
}

/** The file of the key that is asked for, or of the only one there is. */
function keyName(key: string | undefined, root: Root | undefined): string | undefined {
  if (root?.kind !== 'keys') return undefined;
  const hash = key === undefined ? undefined : plainKey(key).toLowerCase();
  const fitting = root.keys.filter(({ spkiHash }) => hash === undefined || spkiHash === hash);
  const files = new Set(fitting.map(({ file }) => file.slice(file.lastIndexOf('/') + 1)));
  return files.size === 1 ? plainText([...files].join()) : undefined;
}

/** Something for people to fill in, as one word of a shell, so that typing it as it stands runs nothing else. */
function placeholder(text: string): string {
  return `'<${plainText(text)}>'`;
}

function shellWord(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A text from the configuration without what would end a word, a comment or a line. */
function plainText(text: string): string {
  return text.replaceAll(/['\p{C}]/gu, '?');
}
