import type { BlobRow } from '#metadata/blobs.ts';
import { blobTotals, blobsAfter, findBytes, isBlobLocation, repositoriesWithBlob } from '#metadata/blobs.ts';
import { DigestingBody, algorithmOf } from '#oci/digest.ts';
import { StorageError } from '#storage/driver.ts';
import { digestOfLocation } from './bytes.ts';
import type { Context } from './context.ts';

/** One thing that is not as it should be. */
export interface Finding {
  readonly digest?: string;
  /** The storage key. */
  readonly location: string;
  readonly sizeBytes?: number;
  /** Repositories that use it, at most a hundred. */
  readonly repositories?: readonly string[];
  readonly problem: string;
}

export interface VerifyProgress {
  readonly checkedBytes: number;
  readonly totalBytes: number;
  readonly checkedObjects: number;
  readonly totalObjects: number;
}

/** `missing` and `corrupt` lose data; `orphaned` is space that collection gives back. */
export interface VerifyReport {
  readonly checkedObjects: number;
  readonly checkedBytes: number;
  readonly missing: readonly Finding[];
  readonly corrupt: readonly Finding[];
  readonly orphaned: readonly Finding[];
}

export interface VerifyOptions {
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

const PAGE = 200;

/**
 * Re-hashes all bytes against the metadata, then looks for bytes no fact speaks of. Safe beside a running server: what
 * came or went meanwhile is looked at again before it is reported.
 */
export async function verify(context: Context, options: VerifyOptions): Promise<VerifyReport> {
  const missing: Finding[] = [];
  const corrupt: Finding[] = [];
  const { objects: totalObjects, sizeBytes: totalBytes } = await blobTotals(context.metadata);
  let checkedObjects = 0;
  let checkedBytes = 0;
  for await (const blob of everyBlob(context)) {
    options.signal?.throwIfAborted();
    const finding = await examine(context, blob, (read) => {
      checkedBytes += read;
      options.onProgress?.({ checkedBytes, totalBytes, checkedObjects, totalObjects });
    });
    checkedObjects += 1;
    if (finding !== undefined) (finding.kind === 'missing' ? missing : corrupt).push(finding.finding);
  }
  options.onProgress?.({ checkedBytes, totalBytes, checkedObjects, totalObjects });
  return { checkedObjects, checkedBytes, missing, corrupt, orphaned: await findOrphans(context, options.signal) };
}

async function* everyBlob(context: Context): AsyncGenerator<BlobRow> {
  for (let after = ''; ; ) {
    const rows = await blobsAfter(context.metadata, after, PAGE);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.digest;
  }
}

async function examine(
  context: Context,
  blob: BlobRow,
  onRead: (sizeBytes: number) => void,
): Promise<{ kind: 'missing' | 'corrupt'; finding: Finding } | undefined> {
  const { digest, location, sizeBytes } = blob;
  const report = async (kind: 'missing' | 'corrupt', problem: string) => {
    const now = await findBytes(context.metadata, digest);
    if (now?.location !== location) return undefined;
    const repositories = await repositoriesWithBlob(context.metadata, digest, 100);
    return { kind, finding: { digest, location, sizeBytes, repositories, problem } };
  };
  const digesting = new DigestingBody(algorithmOf(digest), bytesOf(context, location));
  try {
    for await (const chunk of digesting) onRead(chunk.byteLength);
  } catch (error) {
    if (error instanceof StorageError && error.reason === 'not-found') return await report('missing', 'no such object');
    return await report('corrupt', `cannot be read: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
  const computed = digesting.digest();
  return computed === digest ? undefined : await report('corrupt', `hashes to ${computed}`);
}

/** Opens on the first read, so that a missing object is met in one place with one that cannot be read. */
async function* bytesOf(context: Context, location: string): AsyncGenerator<Uint8Array> {
  yield* await context.store.read(location);
}

async function findOrphans(context: Context, signal: AbortSignal | undefined): Promise<Finding[]> {
  const orphaned: Finding[] = [];
  for await (const location of context.store.list('blobs/')) {
    signal?.throwIfAborted();
    if (await isBlobLocation(context.metadata, location)) continue;
    const stat = await context.store.stat(location);
    // Bytes land before their fact. What is younger than a minute may be on its way, and is asked about once more.
    if (stat !== undefined && context.clock() - stat.modified.getTime() < 60_000) await settled();
    const recorded = await isBlobLocation(context.metadata, location);
    const remains = await context.store.stat(location);
    if (recorded || remains === undefined) continue;
    const digest = digestOfLocation(location);
    orphaned.push({
      ...(digest === undefined ? {} : { digest }),
      location,
      sizeBytes: remains.sizeBytes,
      problem: digest === undefined ? 'not an object of ours' : 'no record of these bytes',
    });
  }
  return orphaned;
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200));
