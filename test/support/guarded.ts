import { openAccess } from '#access/open.ts';
import { loadConfig } from '#config/load.ts';
import { httpListener } from '#http/app.ts';
import { listen } from '#http/server.ts';
import { nothing } from '#metadata/nothing.ts';
import { openMetadata } from '#metadata/open.ts';
import type { Sql } from '#metadata/sql.ts';
import { findVerdict, insertVerdict, isBlobShown } from '#metadata/verdicts.ts';
import { openLog } from '#observe/log.ts';
import { openMetrics } from '#observe/metrics.ts';
import type { Digest } from '#oci/digest.ts';
import { type Gate, openGate } from '#registry/gate.ts';
import { openRegistry } from '#registry/open.ts';
import { openPulls } from '#retention/pulls.ts';
import { openStorage } from '#storage/open.ts';
import type { Gatehouse } from './gatehouse.ts';

/** What the gate of a test was asked, as `sightOf a/b sha256:…`. */
export type Asked = string[];

/** A second server over the data of a Gatehouse, with a gate of the test's own. */
export interface Guarded extends AsyncDisposable {
  readonly url: string;
  readonly asked: Asked;
  /** Writes down the pulls that it remembers. */
  flushPulls(): Promise<void>;
}

/**
 * A gate that does as the rows say: withheld is what a verdict withholds, and what its summary says is the warning. It
 * guards repositories below `guarded/`, and holds tags whose names begin with `held`.
 */
export function rowGate(metadata: Sql, asked: Asked = []): Gate {
  return {
    ...openGate,
    guards: (repository) => repository.startsWith('guarded/'),
    async rule(_, { name }) {
      if (!name.startsWith('held')) return 'pass';
      return { hold: { lapsesAt: Date.now() + 3_600_000, why: 'nobody signed "it" – yet' } };
    },
    async sightOf(repository, digest) {
      asked.push(`sightOf ${repository} ${digest}`);
      const verdict = await findVerdict(metadata, repository, digest);
      const summary = verdict?.summary ?? '';
      return { isVisible: verdict?.isWithheld !== 1, warning: summary === '' ? undefined : summary };
    },
    async showsBlob(repository, digest) {
      asked.push(`showsBlob ${repository} ${digest}`);
      return await isBlobShown(metadata, repository, digest);
    },
  };
}

/** Everything is as src/app.ts puts it together, but the gate, and that nobody administers it. */
export async function startGuarded({ configFile }: Gatehouse): Promise<Guarded> {
  const config = await loadConfig({ file: configFile, environment: {} });
  const metadata = await openMetadata(config.metadata.driver, config.metadata[config.metadata.driver]);
  const store = await openStorage(config.storage.driver, config.storage[config.storage.driver]);
  const clock = Date.now;
  const { blobGrace: blobMs, referrerGrace: referrerMs } = config.retention.collection;
  const asked: Asked = [];
  const graces = { blobMs, referrerMs };
  const context = { metadata, store, clock, graces, options: config.registry, gate: rowGate(metadata, asked) };
  const note = (): void => undefined;
  const workloads = { isForUs: () => false, verify: () => Promise.reject(new Error('no issuers')) };
  const pulls = openPulls({ metadata, ignore: [], onError: note });
  const listener = httpListener({
    ...openAccess({ metadata, clock, options: config.access, workloads, publicUrl: undefined, note }),
    administration: {
      as: () => {
        throw new Error('nobody administers this server');
      },
    },
    registry: openRegistry(context),
    emptyRegistry: openRegistry({ ...context, metadata: nothing, gate: openGate }),
    metrics: openMetrics(),
    log: openLog(config.log),
    options: config.http,
    manifestMaxBytes: config.registry.manifests.maxSize,
    certificateOf: () => undefined,
    authorityCertificate: () => undefined,
    note,
    notesPulls: false,
    simpleSigning: config.trust.simpleSigning,
    pulls,
    clock,
    health: { ready: () => Promise.resolve(), isDraining: () => false },
  });
  const server = await listen(listener, config.http);
  return {
    url: server.url,
    asked,
    flushPulls: () => pulls.flush(),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await pulls.close();
      await metadata.close();
    },
  };
}

/** Withholds a manifest from those who only pull. */
export async function withhold(
  metadata: Sql,
  repository: string,
  digests: readonly Digest[],
  summary = '',
): Promise<void> {
  const row = { policy: 'p', isWithheld: true, judgedAt: 1, judgeAt: null, summary };
  await metadata.transaction(async (inside) => {
    for (const digest of digests) await insertVerdict(inside, { ...row, repository, digest });
  });
}
