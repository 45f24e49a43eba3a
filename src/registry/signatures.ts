import { type Origin, recordEvent } from '#metadata/events.ts';
import { reviewSubject } from '#metadata/reviews.ts';
import { type SimpleSignature, addSimpleSignature, simpleSignaturesOf } from '#metadata/simple-signatures.ts';
import { reviewVerdict } from '#metadata/verdicts.ts';
import type { Digest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Context } from './context.ts';
import type { Eyes } from './sight.ts';

/** As many of one manifest: a release has a handful of signers, and every pull fetches all of them. */
export const SIGNATURES_MAX = 64;
/** 128 KiB: what gpg makes of a manifest is below one. */
export const SIGNATURE_MAX_BYTES = 128 * 1024;
/** 4 MiB: clients read no longer list of signatures (containers/image). */
const SIGNATURES_MAX_BYTES = 4 * 1024 * 1024;
// What surrounds name and content in the list.
const ENTRY_BYTES = 80;

/** Signature, one-pass signature and compressed data, with lengths of each form. RFC 9580, section 4.2. */
const FIRST_BYTES: ReadonlySet<number> = new Set([
  0x88, 0x89, 0x8a, 0x8b, 0xc2, 0x90, 0x91, 0x92, 0x93, 0xc4, 0xa0, 0xa1, 0xa2, 0xa3, 0xc8,
]);

/** A signature on its way in. */
export interface NewSignature extends SimpleSignature {
  readonly repository: string;
  readonly digest: Digest;
  readonly origin: Origin;
}

/** OpenPGP signatures of manifests, as podman and skopeo bring and fetch them. What they are worth is not asked here. */
export interface Signatures {
  /** In the order in which they came; none of what is not here, or not to be seen. */
  find(repository: string, digest: Digest, eyes: Eyes): Promise<readonly SimpleSignature[]>;
  /**
   * Takes a signature, also of a manifest that is yet to come.
   *
   * @throws {RegistryError} SIGNATURE_INVALID its name is not `<digest>@<32 hex>`, or its content no OpenPGP message
   * @throws {RegistryError} SIGNATURE_INVALID (too-large) it is too long, or one too many
   * @throws {RegistryError} SIGNATURE_EXISTS there is one of that name, or with that content
   */
  add(signature: NewSignature): Promise<void>;
}

export function openSignatures(context: Context): Signatures {
  const { metadata, gate } = context;
  return {
    async find(repository, digest, eyes) {
      const isHidden =
        eyes === 'outsider' && gate.guards(repository) && !(await gate.sightOf(repository, digest)).isVisible;
      return isHidden ? [] : await simpleSignaturesOf(metadata, repository, digest);
    },
    async add(signature) {
      requireSound(signature);
      await addSignature(context, signature);
      gate.wake(signature.repository, [signature.digest]);
    },
  };
}

async function addSignature({ metadata, clock, graces }: Context, signature: NewSignature): Promise<void> {
  const { repository, digest, name, content, origin } = signature;
  await metadata.transaction(async (inside) => {
    const now = clock();
    requireRoom(await simpleSignaturesOf(inside, repository, digest), signature);
    const row = { repository, digest, name, content, by: origin.actor };
    if (!(await addSimpleSignature(inside, row, now))) throw exists(name);
    await recordEvent(inside, origin, { kind: 'signature.add', repository, digest, detail: { name } }, now);
    // What comes before its manifest, or for one that will never come, is looked at when its time is up.
    await reviewSubject(inside, repository, digest, now + graces.referrerMs);
    await reviewVerdict(inside, repository, digest, now);
  });
}

function requireSound({ digest, name, content }: NewSignature): void {
  if (!name.startsWith(`${digest}@`) || !/^[0-9a-f]{32}$/.test(name.slice(digest.length + 1))) {
    throw invalid('expected the name to be <digest>@<32 lower-case hex digits>', { name: name.slice(0, 256) });
  }
  const bytes = Buffer.from(content, 'base64');
  if (bytes.toString('base64') !== content) throw invalid('expected the content to be base64');
  if (bytes.length > SIGNATURE_MAX_BYTES) {
    throw tooLarge(`expected a signature of at most ${SIGNATURE_MAX_BYTES} bytes, found ${bytes.length}`);
  }
  if (!FIRST_BYTES.has(bytes[0] ?? 0)) throw invalid('expected the content to be a signed OpenPGP message');
}

function requireRoom(there: readonly SimpleSignature[], { name, content }: NewSignature): void {
  if (there.some((one) => one.name === name || one.content === content)) throw exists(name);
  if (there.length >= SIGNATURES_MAX) throw tooLarge(`expected at most ${SIGNATURES_MAX} signatures of a manifest`);
  const all = [...there, { name, content }];
  const sizeBytes = all.reduce((sum, one) => sum + one.name.length + one.content.length + ENTRY_BYTES, 0);
  if (sizeBytes <= SIGNATURES_MAX_BYTES) return;
  throw tooLarge(`expected at most ${SIGNATURES_MAX_BYTES} bytes of signatures of a manifest`);
}

function exists(name: string): RegistryError {
  return new RegistryError('SIGNATURE_EXISTS', 'the manifest has this signature already', { detail: { name } });
}

function invalid(problem: string, detail?: unknown): RegistryError {
  return new RegistryError('SIGNATURE_INVALID', problem, { detail });
}

function tooLarge(problem: string): RegistryError {
  return new RegistryError('SIGNATURE_INVALID', problem, { reason: 'too-large' });
}
