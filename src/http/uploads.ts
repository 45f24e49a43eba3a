import { scopeFor } from '#access/token-scope.ts';
import { type Algorithm, type Digest, isAlgorithm, parseDigest } from '#oci/digest.ts';
import { RegistryError } from '#oci/errors.ts';
import { parseName } from '#oci/name.ts';
import type { Registry } from '#registry/open.ts';
import type { Stretch, Upload } from '#registry/uploads.ts';
import { allowSilenceAfter, bodyOf, contentRange, hasBody } from './body.ts';
import type { Challenges } from './challenge.ts';
import { type Exchange, type Handler, answerEmpty, eyesOf, originOf, parameter, sessionOf } from './exchange.ts';
import type { Urls } from './urls.ts';

/** end-4, end-5, end-6, end-11, end-13 and end-14. */
export interface UploadHandlers {
  readonly start: Handler;
  readonly status: Handler;
  readonly append: Handler;
  readonly finish: Handler;
  readonly cancel: Handler;
}

export function uploadHandlers(
  { blobs, uploads, listings }: Registry,
  urls: Urls,
  challenges: Challenges,
): UploadHandlers {
  const created = (exchange: Exchange, repository: string, digest: Digest): void => {
    answerEmpty(exchange, 201);
    exchange.set('Location', urls.blob(repository, digest));
    exchange.set('Docker-Content-Digest', digest);
  };
  const underWay = (exchange: Exchange, upload: Upload, status: 202 | 204): void => {
    answerEmpty(exchange, status);
    exchange.set('Location', urls.upload(upload.repository, upload.id));
    exchange.set('Docker-Upload-UUID', upload.id);
    exchange.set('Range', rangeOf(upload.sizeBytes));
  };
  /** Adds to a 416 what a client needs to go on: where the upload stands. */
  const withPosition = async <T>(exchange: Exchange, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof RegistryError && error.reason === 'range') {
        exchange.set('Location', urls.upload(parseName(exchange.params.name), exchange.params.id));
        exchange.set('Range', rangeOf(receivedBytes(error)));
      }
      throw error;
    }
  };
  /**
   * Distribution Spec v1.1.1, end-11. Whoever may read the source, with a token that is not for it, is told which token
   * is: a client that gets a token for each challenge asks for the repository it pushes to alone, and would send what it
   * could have mounted. Said before anybody looks whether the source is there or has the blob.
   */
  const isMounted = async (exchange: Exchange, repository: string, digest: Digest): Promise<boolean> => {
    const session = sessionOf(exchange);
    const name = parameter(exchange, 'from');
    const from = name === undefined ? undefined : parseName(name);
    if (from !== undefined && session.holds('pull', from) && !session.carries('pull', from)) {
      const scope = `${scopeFor('push', repository)} ${scopeFor('pull', from)}`;
      challenges.bearer(exchange, scope, 'insufficient_scope');
      throw new RegistryError('UNAUTHORIZED', 'the token is not for the source', { detail: { needed: scope } });
    }
    return await blobs.mount(repository, digest, {
      from,
      mayRead: (one) => session.may('pull', one),
      eyesFor: (one) => eyesOf(exchange, one),
    });
  };

  return {
    async start(exchange) {
      const repository = parseName(exchange.params.name);
      const mount = parameter(exchange, 'mount');
      const digest = parameter(exchange, 'digest');
      const session = sessionOf(exchange);
      // Whoever may only attach does so to what exists: they make no repository.
      if (!session.may('push', repository) && !(await listings.exists(repository))) {
        throw new RegistryError(
          'DENIED',
          'there is no such repository, and no permission to push, which would make one',
          {
            detail: { repository, permission: 'push' },
          },
        );
      }
      if (mount !== undefined) {
        const wanted = parseDigest(mount);
        if (await isMounted(exchange, repository, wanted)) {
          created(exchange, repository, wanted);
          return;
        }
      } else if (digest !== undefined) {
        const expected = parseDigest(digest);
        await uploads.push(repository, expected, bodyOf(exchange.req));
        created(exchange, repository, expected);
        return;
      }
      underWay(exchange, await uploads.start(repository, algorithmFor(exchange), originOf(exchange).actor), 202);
    },

    async status(exchange) {
      underWay(exchange, await uploads.status(parseName(exchange.params.name), exchange.params.id), 204);
    },

    async append(exchange) {
      const repository = parseName(exchange.params.name);
      const work = uploads.append(repository, exchange.params.id, stretchOf(exchange));
      underWay(exchange, await withPosition(exchange, work), 202);
    },

    async finish(exchange) {
      const repository = parseName(exchange.params.name);
      const digest = parameter(exchange, 'digest');
      if (digest === undefined) {
        throw new RegistryError('DIGEST_INVALID', 'expected the digest of the whole blob as a query parameter');
      }
      const expected = parseDigest(digest);
      const last = hasBody(exchange.req) ? stretchOf(exchange) : undefined;
      allowSilenceAfter(exchange.req);
      await withPosition(exchange, uploads.finish(repository, exchange.params.id, expected, last));
      created(exchange, repository, expected);
    },

    async cancel(exchange) {
      await uploads.cancel(parseName(exchange.params.name), exchange.params.id);
      answerEmpty(exchange, 204);
    },
  };
}

function stretchOf(exchange: Exchange): Stretch {
  return { range: contentRange(exchange.req), body: bodyOf(exchange.req) };
}

/** `0-<last byte>`, both included; of an empty upload `0-0`, which is what Docker's registry says and clients expect. */
function rangeOf(receivedBytes: number): string {
  return `0-${Math.max(receivedBytes - 1, 0)}`;
}

function receivedBytes(error: RegistryError): number {
  const { detail } = error;
  const known = typeof detail === 'object' && detail !== null && 'receivedBytes' in detail;
  return known && typeof detail.receivedBytes === 'number' ? detail.receivedBytes : 0;
}

/** Distribution Spec, main branch, end-4c; sha256 unless the client says otherwise. */
function algorithmFor(exchange: Exchange): Algorithm {
  const algorithm = parameter(exchange, 'digest-algorithm') ?? 'sha256';
  if (isAlgorithm(algorithm)) return algorithm;
  throw new RegistryError('DIGEST_INVALID', 'expected digest-algorithm to be sha256 or sha512', {
    detail: { algorithm: algorithm.slice(0, 64) },
  });
}
