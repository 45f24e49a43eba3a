import type { Session } from '#access/session.ts';
import type { NewEvent, Origin } from '#metadata/events.ts';
import { RegistryError } from '#oci/errors.ts';
import { parseName, parseTag } from '#oci/name.ts';
import { type Reference, parseReference } from '#oci/reference.ts';
import type { Registry } from '#registry/open.ts';
import type { Pull, Pulls } from '#retention/pulls.ts';
import { readSmallBody } from './body.ts';
import { etagOf, isHeldByClient, preconditionOf } from './conditions.ts';
import { type Exchange, type Handler, answerEmpty, eyesOf, originOf, parameters, sessionOf } from './exchange.ts';
import type { Urls } from './urls.ts';
import { warn } from './warning.ts';

/** end-3, end-7 and end-9. */
export interface ManifestHandlers {
  readonly get: Handler;
  readonly put: Handler;
  readonly remove: Handler;
}

/** What the handlers are set to. */
export interface ManifestSettings {
  readonly maxBytes: number;
  /** Told of each pull; absent when nobody wants to know. */
  readonly onPull: ((origin: Origin, event: NewEvent) => void) | undefined;
  /** Remembers when things were last pulled. */
  readonly pulls: Pulls;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export function manifestHandlers(
  { manifests }: Registry,
  urls: Urls,
  { maxBytes, onPull, pulls, clock }: ManifestSettings,
): ManifestHandlers {
  return {
    async get(exchange) {
      const repository = parseName(exchange.params.name);
      const reference = existing(exchange.params.reference);
      const manifest = await manifests.find(repository, reference, eyesOf(exchange, repository));
      exchange.set('Docker-Content-Digest', manifest.digest);
      exchange.set('ETag', etagOf(manifest.digest));
      warn(exchange, manifest.warning);
      if (isHeldByClient(exchange.req, manifest.digest)) {
        exchange.status = 304;
        return;
      }
      exchange.status = 200;
      exchange.set('Content-Type', manifest.mediaType);
      exchange.length = manifest.sizeBytes;
      if (exchange.method !== 'GET') return;
      send(exchange, await manifests.read(manifest));
      const { digest } = manifest;
      onPull?.(originOf(exchange), { kind: 'manifest.pull', repository, reference: reference.tag, digest });
      notePull(pulls, sessionOf(exchange), { repository, tag: reference.tag, digest, at: clock() });
    },

    async put(exchange) {
      const repository = parseName(exchange.params.name);
      const reference = parseReference(exchange.params.reference);
      const tags = tagsOf(exchange, reference);
      const pushed = await manifests.push({
        repository,
        reference,
        tags,
        contentType: exchange.req.headers['content-type'],
        bytes: await readSmallBody(exchange.req, maxBytes),
        origin: originOf(exchange),
        attachOnly: !sessionOf(exchange).may('push', repository),
        precondition: preconditionOf(exchange.req),
      });
      answerEmpty(exchange, 201);
      exchange.set('Location', urls.manifest(repository, pushed.digest));
      exchange.set('Docker-Content-Digest', pushed.digest);
      exchange.set('ETag', etagOf(pushed.digest));
      if (pushed.subject !== undefined) exchange.set('OCI-Subject', pushed.subject);
      if (tags.length > 0) exchange.set('OCI-Tag', tags.join(', '));
      warn(exchange, pushed.warning);
    },

    async remove(exchange) {
      await manifests.remove(parseName(exchange.params.name), existing(exchange.params.reference), originOf(exchange));
      answerEmpty(exchange, 202);
    },
  };
}

/** Costs two looks into maps where the hour has seen the pull already. */
function notePull(pulls: Pulls, { principal, rights }: Session, pull: Pull): void {
  const { repository } = pull;
  const puller = {
    name: principal.name,
    mayAttach: rights.has('attach', repository),
    mayPush: rights.has('push', repository),
  };
  if (pulls.countsAsPull(puller, pull)) pulls.note(pull);
}

/**
 * Sends a small body in one piece with its headers. Latin-1 carries every byte as it is, and Node joins a string to the
 * headers where it would hand a buffer to the kernel separately: a sixth of what this answer costs.
 */
function send(exchange: Exchange, bytes: Buffer): void {
  exchange.respond = false;
  exchange.res.end(bytes.toString('latin1'), 'latin1');
}

/** What cannot be a tag cannot be there: to a reader that is 404, not a mistake of form. Distribution Spec, end-3. */
function existing(text: string): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'DIGEST_INVALID') throw error;
    throw new RegistryError('MANIFEST_UNKNOWN', 'no such manifest in this repository', {
      detail: { tag: text.slice(0, 128) },
    });
  }
}

/** Distribution Spec, main branch, end-7b: tags beside a digest. */
function tagsOf(exchange: Exchange, reference: Reference): string[] {
  const tags = parameters(exchange, 'tag').map(parseTag);
  if (tags.length > 0 && reference.tag !== undefined) {
    throw new RegistryError('UNSUPPORTED', 'expected tag parameters only where a manifest is pushed by digest');
  }
  return [...new Set(tags)];
}
