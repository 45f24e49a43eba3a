import { z } from 'zod';
import { type Digest, isDigest } from '#oci/digest.ts';
import { isName } from '#oci/name.ts';
import { parseStrictJson } from '../strict-json.ts';
import { VerificationError } from '../testimony.ts';

/** What somebody signed: that a manifest is what goes by a name. */
export interface Claim {
  readonly digest: Digest;
  /** Without host, tag and digest. */
  readonly repository: string;
}

// A payload that says no more than it may is below 1 KiB; `optional` may hold notes of the signer.
const PAYLOAD_MAX_BYTES = 64 * 1024;

/** containers-signature(5), "JSON data format": these members and no other, but for notes in `optional`. */
const payload = z.strictObject({
  critical: z.strictObject({
    type: z.literal('atomic container signature'),
    image: z.strictObject({ 'docker-manifest-digest': z.string().refine(isDigest, 'expected a digest') }),
    identity: z.strictObject({ 'docker-reference': z.string().min(1).max(512) }),
  }),
  optional: z.looseObject({ creator: z.string().optional(), timestamp: z.int().optional() }),
});

/** @throws {VerificationError} integrity: it is no such payload, or has a member twice */
export function parsePayload(bytes: Uint8Array): Claim {
  const parsed = payload.safeParse(parseStrictJson(bytes, { maxBytes: PAYLOAD_MAX_BYTES }));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    throw malformed(`${where === '' ? 'the payload' : where}: ${issue?.message ?? 'not as specified'}`);
  }
  const { image, identity } = parsed.data.critical;
  return { digest: image['docker-manifest-digest'], repository: repositoryOf(identity['docker-reference']) };
}

/**
 * The repository in `[<host>/]<path>[:<tag>][@<digest>]`. The first component is a host when it has a dot or a port, or is
 * `localhost`: Distribution's reference grammar.
 */
function repositoryOf(reference: string): string {
  const [named = ''] = reference.split('@', 1);
  const components = named.split('/');
  const [first = ''] = components;
  const path = components.slice(components.length > 1 && /[.:]|^localhost$/.test(first) ? 1 : 0).join('/');
  const repository = path.replace(/:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, '');
  // What cannot be read must not pass for a signature that names no repository.
  if (!isName(repository)) throw malformed('docker-reference names no repository');
  return repository;
}

function malformed(problem: string): VerificationError {
  return new VerificationError('integrity', `not the payload of a simple signature: ${problem}`);
}
