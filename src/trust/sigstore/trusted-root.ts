import { TrustedRoot } from '@sigstore/protobuf-specs';
import { z } from 'zod';
import { parseStrictJson } from '../strict-json.ts';
import { anchorsOf } from './anchors.ts';

/** 1 MiB: a hundred times what the public instance has after years of changing keys. */
const MAX_BYTES = 1024 * 1024;
const MAX_MEMBERS = 100;
/** RFC 5280 knows no limit; nobody has ten intermediates. */
const MAX_CHAIN = 10;

const MEDIA_TYPES = [
  'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  'application/vnd.dev.sigstore.trustedroot.v0.2+json',
] as const;

const bytes = z.base64().min(1);
const span = z.object({
  start: z.iso.datetime({ offset: true }).optional(),
  end: z.iso.datetime({ offset: true }).optional(),
});
const keyId = z.object({ keyId: bytes });

const log = z.object({
  baseUrl: z.string().optional(),
  hashAlgorithm: z.literal('SHA2_256').optional(),
  publicKey: z.object({ rawBytes: bytes, keyDetails: z.string().optional(), validFor: span.optional() }),
  logId: keyId,
  checkpointKeyId: keyId.optional(),
});

const authority = z.object({
  uri: z.string().optional(),
  certChain: z.object({
    certificates: z
      .array(z.object({ rawBytes: bytes }))
      .min(1)
      .max(MAX_CHAIN),
  }),
  validFor: span.optional(),
});

/** protobuf-specs v0.5, sigstore_trustroot.proto, as its JSON is written. */
const trustedRoot = z.object({
  mediaType: z.enum(MEDIA_TYPES),
  tlogs: z.array(log).min(1).max(MAX_MEMBERS),
  ctlogs: z.array(log).min(1).max(MAX_MEMBERS),
  certificateAuthorities: z.array(authority).min(1).max(MAX_MEMBERS),
  timestampAuthorities: z.array(authority).max(MAX_MEMBERS).optional(),
});

/**
 * Reads a trusted_root.json: the authorities and logs of a sigstore instance. One that can vouch for nobody, for want of
 * an authority or a log, is none.
 *
 * @throws {Error} what is wrong with it, in words for people
 */
export function parseTrustedRoot(content: Uint8Array): TrustedRoot {
  const json = parseStrictJson(content, { maxBytes: MAX_BYTES });
  const parsed = trustedRoot.safeParse(json);
  if (!parsed.success) throw new Error(`it is no trusted root of sigstore: ${z.prettifyError(parsed.error)}`);
  const root = TrustedRoot.fromJSON(json);
  // Every key and certificate in it is read, so that a root which cannot be used is known when it is loaded.
  anchorsOf(root);
  return root;
}
