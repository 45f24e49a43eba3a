import type { EventKind, EventRow } from '#metadata/events.ts';
import { findManifest } from '#metadata/manifests.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Body } from './body.ts';

/** Which registry speaks. */
export interface EnvelopeSource {
  readonly publicUrl: string | undefined;
  /** Name of the machine. */
  readonly address: string;
  /** Different after each start. */
  readonly instanceId: string;
}

const REQUESTS: Partial<Record<EventKind, { readonly action: 'push' | 'pull' | 'delete'; readonly method: string }>> = {
  'manifest.push': { action: 'push', method: 'PUT' },
  // A tag that was held can be pulled from now on: to whoever deploys what is pushed, that is the push.
  'tag.publish': { action: 'push', method: 'PUT' },
  'manifest.pull': { action: 'pull', method: 'GET' },
  'manifest.delete': { action: 'delete', method: 'DELETE' },
  'tag.delete': { action: 'delete', method: 'DELETE' },
};

/**
 * An event in the envelope of Docker's registry, version 2; undefined for one that Docker's registry would not send, such
 * as a refusal. Type and size are left out where the manifest is gone.
 */
export async function dockerEnvelope(metadata: Sql, row: EventRow, source: EnvelopeSource): Promise<Body | undefined> {
  const request = REQUESTS[row.kind];
  const { repository } = row;
  if (request === undefined || repository === null || row.outcome === 'refused') return undefined;
  const host = source.publicUrl === undefined ? undefined : new URL(source.publicUrl).host;
  // What JSON leaves out here Docker's registry leaves out too.
  const event = {
    id: String(row.id),
    timestamp: new Date(row.at).toISOString(),
    action: request.action,
    target: await targetOf(metadata, { ...row, repository }, source.publicUrl),
    request: { id: row.requestId, addr: row.address, host, method: request.method, useragent: '' },
    actor: { name: row.actor },
    source: { addr: source.address, instanceID: source.instanceId },
  };
  return {
    contentType: 'application/vnd.docker.distribution.events.v2+json',
    text: JSON.stringify({ events: [event] }),
  };
}

async function targetOf(
  metadata: Sql,
  { repository, reference, digest }: EventRow & { readonly repository: string },
  publicUrl: string | undefined,
): Promise<object> {
  const manifest = digest === null ? undefined : await findManifest(metadata, repository, digest);
  const isUrlKnown = publicUrl !== undefined && digest !== null;
  return {
    mediaType: manifest?.mediaType,
    digest: digest ?? undefined,
    size: manifest?.sizeBytes,
    length: manifest?.sizeBytes,
    repository,
    url: isUrlKnown ? `${publicUrl}/v2/${repository}/manifests/${digest}` : undefined,
    // A reference with a colon is a digest.
    tag: reference === null || reference.includes(':') ? undefined : reference,
  };
}
