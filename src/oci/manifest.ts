import { z } from 'zod';
import { type Digest, isDigest } from './digest.ts';
import { RegistryError } from './errors.ts';
import {
  IMAGE_INDEX,
  IMAGE_MANIFEST,
  MANIFEST_MEDIA_TYPES,
  type ManifestShape,
  bareMediaType,
  isNonDistributable,
  shapeOf,
} from './media-type.ts';

const text = z.string().max(4096);
// A media type is the field of RFC 6838; what it names is the pusher's business.
const mediaType = z
  .string()
  .max(255)
  .regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/, 'not a media type');

/** Image Spec v1.1.1, descriptor.md. Fields we do not read are kept in the bytes and ignored here. */
const descriptor = z.looseObject({
  mediaType,
  digest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'not a sha256 or sha512 digest'),
  size: z.int().nonnegative(),
});
export type Descriptor = z.infer<typeof descriptor>;

const annotations = z.record(text, z.string()).nullish();

const image = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: mediaType.or(z.literal('')).nullish(),
  config: descriptor,
  layers: z.array(descriptor).nullish(),
  manifests: z.never('an image has no manifests: the document would mean two things').optional(),
  subject: descriptor.nullish(),
  annotations,
});

const index = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  artifactType: mediaType.or(z.literal('')).nullish(),
  manifests: z.array(descriptor).nullish(),
  config: z.never('an index has no config: the document would mean two things').optional(),
  layers: z.never('an index has no layers: the document would mean two things').optional(),
  subject: descriptor.nullish(),
  annotations,
});

/** What a manifest says, as far as a registry acts on it. */
export interface Manifest {
  readonly shape: ManifestShape;
  readonly mediaType: string;
  /** As the referrers list must show it; empty when an index has none. Distribution Spec v1.1.1, end-12. */
  readonly artifactType: string;
  /** Absent of an index. */
  readonly config: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
  /** Those of config and layers that must be here. */
  readonly blobs: readonly Descriptor[];
  /** Children of an index. */
  readonly children: readonly Descriptor[];
  readonly subject: Digest | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads a manifest and holds it against the type it was sent as.
 *
 * @param contentType what the client declared; without it the document's own `mediaType` counts, then its shape
 * @throws {RegistryError} MANIFEST_INVALID, with the fields that are wrong
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const document = parseJson(bytes);
  const type = declaredType(document, contentType);
  const shape = shapeOf(type);
  if (shape === undefined) throw unsupportedType(type);
  return shape === 'image' ? readImage(document, type) : readIndex(document, type);
}

function readImage(document: object, type: string): Manifest {
  const found = check(image, document);
  const layers = found.layers ?? [];
  return {
    shape: 'image',
    mediaType: type,
    artifactType: found.artifactType || found.config.mediaType,
    config: found.config,
    layers,
    blobs: [found.config, ...layers].filter((blob) => !isNonDistributable(blob.mediaType)),
    children: [],
    subject: found.subject?.digest,
    annotations: found.annotations ?? undefined,
  };
}

function readIndex(document: object, type: string): Manifest {
  const found = check(index, document);
  return {
    shape: 'index',
    mediaType: type,
    artifactType: found.artifactType ?? '',
    config: undefined,
    layers: [],
    blobs: [],
    children: found.manifests ?? [],
    subject: found.subject?.digest,
    annotations: found.annotations ?? undefined,
  };
}

function parseJson(bytes: Uint8Array): object {
  try {
    // Fatal: a lenient decoder would let two readers of the same bytes see different documents.
    const document: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document;
  } catch (error) {
    throw new RegistryError('MANIFEST_INVALID', 'expected a JSON document in UTF-8', { cause: error });
  }
  throw new RegistryError('MANIFEST_INVALID', 'expected a JSON object');
}

/** One type, agreed on by header and document: a client that trusts either must see the same thing. */
function declaredType(document: object, contentType: string | undefined): string {
  const inside = 'mediaType' in document ? document.mediaType : undefined;
  if (inside !== undefined && typeof inside !== 'string') {
    throw new RegistryError('MANIFEST_INVALID', 'expected mediaType to be a string');
  }
  const outside = contentType === undefined ? undefined : bareMediaType(contentType);
  if (inside !== undefined && outside !== undefined && inside !== outside) {
    throw new RegistryError('MANIFEST_INVALID', 'expected mediaType to equal the Content-Type', {
      detail: { mediaType: inside.slice(0, 255), contentType: outside.slice(0, 255) },
    });
  }
  return outside ?? inside ?? ('manifests' in document ? IMAGE_INDEX : IMAGE_MANIFEST);
}

function unsupportedType(type: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', 'this registry does not take manifests of that type', {
    detail: { mediaType: type.slice(0, 255), accepted: MANIFEST_MEDIA_TYPES },
  });
}

function check<T>(schema: z.ZodType<T>, document: object): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  // Ten tell the story; an index with a thousand bad children need not be answered with a thousand lines.
  const problems = result.error.issues.slice(0, 10).map((issue) => ({
    path: issue.path.join('.'),
    problem: issue.message,
  }));
  const [worst] = problems;
  throw new RegistryError('MANIFEST_INVALID', `${worst?.path || 'manifest'}: ${worst?.problem ?? 'invalid'}`, {
    detail: problems,
  });
}
