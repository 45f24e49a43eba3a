/*
 * A server whose entrance lets everybody in without looking: what is left of Gatehouse without authentication and
 * authorisation, for the bench to compare with. Everything else is as src/app.ts puts it together.
 */
import { openAccess } from '#access/open.ts';
import { Rights } from '#access/rights.ts';
import { Session } from '#access/session.ts';
import { LOCAL } from '#access/subject.ts';
import { loadConfig } from '#config/load.ts';
import { listenerBehind } from '#http/app.ts';
import type { Entrance } from '#http/entrance.ts';
import { listen } from '#http/server.ts';
import { nothing } from '#metadata/nothing.ts';
import { openMetadata } from '#metadata/open.ts';
import { openLog } from '#observe/log.ts';
import { openMetrics } from '#observe/metrics.ts';
import { openGate } from '#registry/gate.ts';
import { openRegistry } from '#registry/open.ts';
import { openPulls } from '#retention/pulls.ts';
import { openStorage } from '#storage/open.ts';

const everybody = new Session({ name: LOCAL, kind: 'local' }, Rights.full);
const openEntrance: Entrance = (exchange) => {
  exchange.state.session = everybody;
  return 'admitted';
};

const config = await loadConfig({ file: process.argv[2] ?? '', environment: {} });
const clock = Date.now;
const metadata = await openMetadata('sqlite', config.metadata.sqlite);
const store = await openStorage('filesystem', config.storage.filesystem);
const graces = { blobMs: config.retention.collection.blobGrace, referrerMs: config.retention.collection.referrerGrace };
const context = { metadata, store, clock, graces, options: config.registry, gate: openGate };
const note = (): void => undefined;
const workloads = { isForUs: () => false, verify: () => Promise.reject(new Error('no issuers')) };
const nobodyAdministers = (): never => {
  throw new Error('nobody administers this server');
};
const access = openAccess({ metadata, clock, options: config.access, workloads, publicUrl: undefined, note });
const listener = listenerBehind(openEntrance, {
  ...access,
  administration: { as: nobodyAdministers },
  registry: openRegistry(context),
  emptyRegistry: openRegistry({ ...context, metadata: nothing }),
  metrics: openMetrics(),
  log: openLog(config.log),
  options: config.http,
  manifestMaxBytes: config.registry.manifests.maxSize,
  certificateOf: () => undefined,
  authorityCertificate: () => undefined,
  note,
  notesPulls: false,
  pulls: openPulls({ metadata, ignore: [], onError: note }),
  simpleSigning: { extension: false, lookaside: false },
  clock,
  health: { ready: () => Promise.resolve(), isDraining: () => false },
});
await listen(listener, config.http);
