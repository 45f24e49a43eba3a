import { hostname } from 'node:os';
import { type AdministrationRoom, LOCAL_CALLER, openAdministration } from '#access/administration.ts';
import { type Access, openAccess, openKeys } from '#access/open.ts';
import type { Caller } from '#access/session.ts';
import { type Throttle, openThrottle } from '#access/throttle.ts';
import { type Users, openUsers } from '#access/users.ts';
import { openWorkloads } from '#access/workloads.ts';
import type { Administration } from '#api/operations.ts';
import { purgeJob } from '#audit/purge.ts';
import { openTrail } from '#audit/trail.ts';
import { openWebhooks } from '#audit/webhooks/open.ts';
import type { Config } from '#config/schema.ts';
import { httpListener } from '#http/app.ts';
import { listen } from '#http/server.ts';
import { type Job, startJobs } from '#jobs/scheduler.ts';
import type { NewEvent, Origin } from '#metadata/events.ts';
import { nothing } from '#metadata/nothing.ts';
import { openMetadata } from '#metadata/open.ts';
import { reviewTotals } from '#metadata/reviews.ts';
import { type Sql, sql } from '#metadata/sql.ts';
import { type Log, openLog } from '#observe/log.ts';
import { type Metrics, openMetrics } from '#observe/metrics.ts';
import type { Context } from '#registry/context.ts';
import { openGate } from '#registry/gate.ts';
import { openRegistry } from '#registry/open.ts';
import type { Uploads } from '#registry/uploads.ts';
import { type VerifyOptions, type VerifyReport, verify } from '#registry/verify.ts';
import { openRetentionAdministration } from '#retention/administration.ts';
import type { ApplyReport } from '#retention/apply.ts';
import { type CollectReport, collect, isCollectionDue } from '#retention/collect.ts';
import { type Orphan, collectOrphans } from '#retention/orphans.ts';
import { previewCollection } from '#retention/preview.ts';
import { type PruneContext, type Pruning, openPruning } from '#retention/prune.ts';
import { openPulls } from '#retention/pulls.ts';
import { pruneJob } from '#retention/scheduled-prune.ts';
import type { BlobStore } from '#storage/driver.ts';
import { openStorage } from '#storage/open.ts';
import { type Tls, openTls } from '#tls/open.ts';
import { openTrustAdministration } from '#trust/administration.ts';
import { hostOf } from '#trust/hints.ts';
import { nowhere } from '#trust/nowhere.ts';
import { type Trust, openTrust } from '#trust/open.ts';

export type { VerifyProgress, VerifyReport } from '#registry/verify.ts';
export type { CollectReport } from '#retention/collect.ts';
export type { Orphan } from '#retention/orphans.ts';

/** A server that answers. */
export interface RunningServer {
  readonly url: string;
  /** SHA-256 of the private authority's certificate, in hex with colons; undefined without one. */
  readonly caFingerprint: string | undefined;
  /** Takes what has changed of `trust` in the configuration, and of the files it names. */
  reload(): Promise<void>;
  /** Lets what was accepted end, bounded by `http.shutdownTimeout`. */
  stop(): Promise<void>;
}

/** What an installation is opened with besides its configuration. */
export interface InstallationOptions {
  /** Reads the configuration again; without it what changes in the file counts at the next start. */
  readonly reread?: () => Promise<Config>;
}

/** A run of collection, asked for by hand. */
export interface CollectionRun {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: ((report: CollectReport) => void) | undefined;
}

/** A walk over the storage, asked for by hand. */
export interface OrphanRun {
  readonly dryRun: boolean;
  readonly minimumAgeMs: number;
  readonly signal: AbortSignal;
}

/** One Gatehouse on its data: what the commands work with. */
export interface Installation {
  readonly users: Users;
  /** Everything there is to administer, for whoever asks. */
  administration(caller: Caller): Administration;
  /** Whoever sits on the server: may do everything. */
  readonly localCaller: Caller;
  verify(options: VerifyOptions): Promise<VerifyReport>;
  /** Gives back what nothing uses; with `dryRun` only says what that would be. */
  collect(options: CollectionRun): Promise<CollectReport>;
  /** Walks all of the storage for what a crash left. */
  collectOrphans(options: OrphanRun): Promise<readonly Orphan[]>;
  /** Listens, and runs the jobs. */
  serve(): Promise<RunningServer>;
  close(): Promise<void>;
}

/** Opens database and storage, and hands each room its neighbours. */
export async function openInstallation(config: Config, { reread }: InstallationOptions = {}): Promise<Installation> {
  const clock = Date.now;
  const metadata = await openMetadata(config.metadata.driver, config.metadata[config.metadata.driver]);
  const store = await openStorage(config.storage.driver, config.storage[config.storage.driver]);
  const { undoWindow: undoWindowMs, collection } = config.retention;
  const graces = { blobMs: collection.blobGrace, referrerMs: collection.referrerGrace };
  const trust = await openTrust({
    metadata,
    store,
    clock,
    options: config.trust,
    host: hostOf(config.http.publicUrl),
    read: reread === undefined ? undefined : async () => (await reread()).trust,
  }).catch(async (error: unknown) => {
    await metadata.close();
    throw error;
  });
  const context: Context = { metadata, store, clock, graces, options: config.registry, gate: trust.gate };
  return {
    users: openUsers({ metadata, clock }),
    administration: (caller) =>
      administrationOf(config, context, {
        note: () => undefined,
        pruning: pruningOf(config, context, { verifiedIn: (repository) => trust.notUnsignedIn(repository) }),
        throttle: openThrottle(),
        trust,
      }).as(caller),
    localCaller: LOCAL_CALLER,
    verify: (options) => verify(context, options),
    collect: ({ dryRun, ...rest }) =>
      dryRun ? previewCollection(context, { undoWindowMs }) : collect(context, { undoWindowMs, ...rest }),
    collectOrphans: (options) => collectOrphans(context, options),
    serve: () => serve(config, context, trust),
    async close() {
      await trust.judge.settled();
      await metadata.close();
    },
  };
}

async function serve(config: Config, context: Context, trust: Trust): Promise<RunningServer> {
  const { metadata, store, clock } = context;
  const log = openLog(config.log);
  const metrics = openMetrics();
  const registry = openRegistry(context);
  const trail = openTrail({ metadata, clock, onError: (error) => log.error('cannot write events', error) });
  const { note } = trail;
  const access = openAccess({
    metadata,
    clock,
    options: config.access,
    workloads: openWorkloads(config.access.oidc, { clock }),
    publicUrl: config.http.publicUrl,
    note,
  });
  const pulls = openPulls({
    metadata,
    ignore: config.retention.pulls.ignore,
    onError: (error) => log.error('cannot write pulls', error),
  });
  const pruning = pruningOf(config, context, {
    flushPulls: () => pulls.flush(),
    verifiedIn: (repository) => trust.notUnsignedIn(repository),
    onApplied: (report) => countPruned(metrics, report),
  });
  const tls = await prepareTls(config, context, log);
  let draining = false;
  const listener = httpListener({
    ...access,
    administration: administrationOf(config, context, { note, pruning, throttle: access.throttle, trust }),
    registry,
    emptyRegistry: openRegistry({ ...context, metadata: nothing, gate: openGate }),
    metrics,
    log,
    options: config.http,
    manifestMaxBytes: config.registry.manifests.maxSize,
    certificateOf: ({ req }) => tls?.clientIdentity(req.socket),
    authorityCertificate: () => tls?.authority()?.certificate,
    note,
    notesPulls: config.audit.pulls,
    pulls,
    clock,
    simpleSigning: config.trust.simpleSigning,
    health: { ready: () => ready(metadata, store, log), isDraining: () => draining },
  });
  const server = await listen(listener, config.http, tls).catch((error: unknown) => {
    tls?.close();
    throw error;
  });
  const { keep, webhooks } = config.audit;
  const jobs: Job[] = [
    expireUploads(config, registry.uploads),
    ...accessJobs(access),
    ...collectionJobs(config, context, metrics),
    trustJob(trust),
    pruneJob({ metadata, clock, pruning, options: config.retention }),
    purgeJob({ metadata, clock, keep }),
    ...openWebhooks({ metadata, clock, publicUrl: config.http.publicUrl, webhooks }).jobs,
  ];
  const scheduler = startJobs(jobs, { metadata, log, metrics, clock });
  const watch = trust.watch({
    info: (words, detail) => log.info(words, detail),
    error: (words, error) => log.error(words, error),
  });
  const caFingerprint = tls?.authority()?.fingerprint;
  log.info('listening', { url: server.url, caFingerprint });
  return {
    url: server.url,
    caFingerprint,
    reload: () => trust.reload(),
    async stop() {
      draining = true;
      watch.close();
      tls?.close();
      await Promise.all([server.stop(), scheduler.stop()]);
      await Promise.all([trail.close(), pulls.close().catch((error) => log.error('cannot write pulls', error))]);
      log.info('stopped');
      log.close();
    },
  };
}

/** Plans and their carrying out, as the configuration has it. */
function pruningOf(
  { retention }: Config,
  { metadata, clock }: Pick<Context, 'metadata' | 'clock'>,
  told: Pick<PruneContext, 'flushPulls' | 'onApplied' | 'verifiedIn'> = {},
): Pruning {
  return openPruning({ metadata, clock, rules: retention.rules, maxShare: retention.brake.maxShare, ...told });
}

function administrationOf(
  config: Config,
  { metadata, clock, gate }: Context,
  { note, pruning, throttle, trust }: AdministrationTools,
): AdministrationRoom {
  const empty = { metadata: nothing, clock, gate: openGate };
  const { publicUrl } = config.http;
  return openAdministration({
    metadata,
    clock,
    note,
    throttle,
    keys: openKeys({ metadata, clock, options: config.access }),
    retention: openRetentionAdministration({ metadata, clock, gate, pruning }),
    emptyRetention: openRetentionAdministration({ ...empty, pruning: pruningOf(config, empty) }),
    trust: openTrustAdministration({ engine: trust.engine, publicUrl }),
    emptyTrust: openTrustAdministration({ engine: nowhere, publicUrl }),
  });
}

/** What administration works with besides what every room does. */
interface AdministrationTools {
  readonly note: (origin: Origin, event: NewEvent) => void;
  readonly pruning: Pruning;
  readonly throttle: Throttle;
  readonly trust: Pick<Trust, 'engine'>;
}

function countPruned(metrics: Metrics, { stops, tags, revisions, manifests, skipped }: ApplyReport): void {
  metrics.pruned({ deleted: tags + revisions + manifests, skipped, isStopped: stops.length > 0 });
}

function prepareTls({ http }: Config, { metadata, clock }: Context, report: Log): Promise<Tls | undefined> {
  const own = { listenHost: http.listen.host, publicUrl: http.publicUrl, hostname: hostname() };
  return openTls(http.tls, { metadata, clock, report, own });
}

async function ready(metadata: Sql, store: BlobStore, log: Log): Promise<void> {
  try {
    await metadata.all(sql`select 1 as "one"`);
    await store.ready();
  } catch (error) {
    log.error('not ready', error);
    throw error;
  }
}

function expireUploads(config: Config, uploads: Uploads): Job {
  const { expireAfter, sweep } = config.storage.uploads;
  return {
    name: 'expire-uploads',
    schedule: sweep,
    run: async (signal) => `${await uploads.expire(expireAfter, signal)} abandoned uploads removed`,
  };
}

/** Keys that follow one another, and tokens that nobody came back for. */
function accessJobs({ keys, refreshTokens }: Access): Job[] {
  return [
    { name: 'signing-keys', schedule: '17 * * * *', run: () => keys.maintain() },
    { name: 'refresh-tokens', schedule: '27 4 * * *', run: () => refreshTokens.sweep() },
  ];
}

/** Judging what other processes and the passing of time left to be judged; what is pushed here is judged at once. */
function trustJob(trust: Trust): Job {
  return {
    name: 'trust',
    schedule: '*/5 * * * * *',
    due: () => trust.isDue(),
    async run(signal) {
      const { judged, lapsed } = await trust.work(signal);
      return `${judged} manifests judged, ${lapsed} held tags given up`;
    },
  };
}

/** Giving back what died, a little all the time; and what a crash left, by walking over everything now and then. */
function collectionJobs(config: Config, context: Context, metrics: Metrics): Job[] {
  const { undoWindow: undoWindowMs, collection } = config.retention;
  return [
    {
      name: 'collection',
      schedule: collection.schedule,
      // An idle registry writes nothing, not even a lease.
      async due() {
        await countQueue(context, metrics);
        return await isCollectionDue(context, { undoWindowMs });
      },
      async run(signal) {
        const { removedObjects, freedBytes, ...others } = await collect(context, { undoWindowMs, signal });
        metrics.collected({ objects: removedObjects, bytes: freedBytes });
        await countQueue(context, metrics);
        return `${removedObjects} objects removed, ${freedBytes} bytes freed; ${JSON.stringify(others)}`;
      },
    },
    {
      name: 'orphans',
      schedule: collection.orphans,
      async run(signal) {
        const orphans = await collectOrphans(context, { dryRun: false, minimumAgeMs: ORPHAN_AGE_MS, signal });
        return `${orphans.length} objects removed that no fact spoke of`;
      },
    },
  ];
}

async function countQueue({ metadata, clock }: Context, metrics: Metrics): Promise<void> {
  const now = clock();
  const { due, waiting, oldestDue } = await reviewTotals(metadata, now);
  metrics.collectionQueue({ due, waiting, oldestDueSeconds: oldestDue === null ? 0 : (now - oldestDue) / 1000 });
}

/** A push puts bytes first and the fact that needs them after: what is younger than a day may be about to be used. */
const ORPHAN_AGE_MS = 24 * 3_600_000;
