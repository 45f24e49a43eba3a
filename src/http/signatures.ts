import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { isDigest, parseDigest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { isName, parseName } from '#oci/name.ts';
import type { Registry } from '#registry/open.ts';
import { SIGNATURES_MAX, SIGNATURE_MAX_BYTES } from '#registry/signatures.ts';
import { readSmallBody } from './body.ts';
import { type Handler, answerEmpty, eyesOf, originOf } from './exchange.ts';

/** The signature extension of OpenShift's registry, which podman, skopeo and buildah use; and a lookaside store. */
export interface SignatureHandlers {
  readonly list: Handler;
  readonly add: Handler;
  /** containers-registries.d(5): the signature of a number, as it is; after the last one, nothing. */
  readonly lookaside: Handler;
}

/** Tells clients to bring and fetch signatures here; whoever reads it relies on it at every pull. */
export const SUPPORTS_SIGNATURES = ['X-Registry-Supports-Signatures', '1'] as const;

const SCHEMA_VERSION = 2;
const TYPE = 'atomic';
// Base64 takes four characters for three bytes; the rest is room for the name and what surrounds it.
const BODY_MAX_BYTES = Math.ceil(SIGNATURE_MAX_BYTES / 3) * 4 + 4096;

const body = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  name: z.string(),
  // Clients that leave it out mean this one.
  type: z.enum([TYPE, '']).optional(),
  content: z.string(),
});

export function signatureHandlers({ signatures }: Registry): SignatureHandlers {
  return {
    async list(exchange) {
      const repository = parseName(exchange.params.name);
      const digest = parseDigest(exchange.params.digest);
      const found = await signatures.find(repository, digest, eyesOf(exchange, repository));
      // Of what is not signed, or not here, there is an empty list: clients give up a pull over anything else.
      exchange.body = {
        signatures: found.map(({ name, content }) => ({ schemaVersion: SCHEMA_VERSION, name, type: TYPE, content })),
      };
    },

    async add(exchange) {
      const repository = parseName(exchange.params.name);
      const digest = parseDigest(exchange.params.digest);
      const { name, content } = await readSignature(exchange.req);
      await signatures.add({ repository, digest, name, content, origin: originOf(exchange) });
      answerEmpty(exchange, 201);
    },

    async lookaside(exchange) {
      const { name, algorithm, hex, number } = exchange.params;
      const digest = `${algorithm}:${hex}`;
      const position = /^[1-9]\d{0,2}$/.test(number) ? Number(number) : SIGNATURES_MAX + 1;
      const isAnything = isName(name) && isDigest(digest) && position <= SIGNATURES_MAX;
      const all = isAnything ? await signatures.find(name, digest, eyesOf(exchange, name)) : [];
      const found = all[position - 1];
      if (found === undefined) throw new RegistryError('SIGNATURE_UNKNOWN', 'there is no such signature');
      exchange.set('Content-Type', 'application/octet-stream');
      exchange.body = Buffer.from(found.content, 'base64');
    },
  };
}

async function readSignature(request: IncomingMessage): Promise<z.infer<typeof body>> {
  const parsed = body.safeParse(jsonOf(await readBounded(request)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RegistryError('SIGNATURE_INVALID', 'expected a signature: schemaVersion 2, name, type atomic and content', {
    detail: { field: issue?.path.join('.') ?? '' },
  });
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function readBounded(request: IncomingMessage): Promise<Buffer> {
  try {
    return await readSmallBody(request, BODY_MAX_BYTES);
  } catch (error) {
    if (!(error instanceof RegistryError) || error.reason !== 'too-large') throw error;
    throw new RegistryError('SIGNATURE_INVALID', `expected a signature of at most ${BODY_MAX_BYTES} bytes`, {
      reason: 'too-large',
      cause: error,
    });
  }
}
