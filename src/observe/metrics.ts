import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Every metric there is. Labels are route names, methods and outcomes; never a path, a tag or a digest. */
export interface Metrics {
  request(labels: { method: string; route: string; status: number }, durationSeconds: number): void;
  job(labels: { job: string; outcome: 'done' | 'failed' | 'elsewhere' }, durationSeconds: number): void;
  /** Bytes of request bodies taken in, and of answers given out. */
  transferred(direction: 'in' | 'out', sizeBytes: number): void;
  inFlight(change: 1 | -1): void;
  /** What collection has before it. */
  collectionQueue(queue: { due: number; waiting: number; oldestDueSeconds: number }): void;
  /** What a run of collection gave back. */
  collected(freed: { objects: number; bytes: number }): void;
  /** What carrying out a plan of pruning came to. */
  pruned(outcome: { deleted: number; skipped: number; isStopped: boolean }): void;
  /** The text format of Prometheus, and its content type. */
  render(): Promise<{ contentType: string; text: string }>;
}

export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // The page may be open to anyone, and which holes a version has is nobody's business.
  registry.removeSingleMetric('nodejs_version_info');
  const registers = [registry];
  const requests = new Histogram({
    name: 'gatehouse_http_request_duration_seconds',
    help: 'Time from a request line to the end of its answer',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
    registers,
  });
  const jobs = new Histogram({
    name: 'gatehouse_job_duration_seconds',
    help: 'Time a run of a job took; outcome elsewhere: another process held the lease',
    labelNames: ['job', 'outcome'] as const,
    buckets: [0.01, 0.1, 1, 10, 60, 600],
    registers,
  });
  const bytes = new Counter({
    name: 'gatehouse_http_bytes_total',
    help: 'Bytes of bodies taken in and given out',
    labelNames: ['direction'] as const,
    registers,
  });
  const inFlight = new Gauge({ name: 'gatehouse_http_requests_in_flight', help: 'Requests being answered', registers });
  const retention = retentionMetrics(registers);

  // Bound to its labels once: looking labels up by value costs more than counting.
  const bound = new Map<string, Histogram.Internal<string>>();
  const requestSeries = (method: string, route: string, status: number): Histogram.Internal<string> => {
    const key = `${method} ${route} ${status}`;
    const known = bound.get(key);
    if (known !== undefined) return known;
    const series = requests.labels(method, route, String(status));
    bound.set(key, series);
    return series;
  };
  const transferred = { in: bytes.labels('in'), out: bytes.labels('out') };

  return {
    request: ({ method, route, status }, durationSeconds) =>
      requestSeries(method, route, status).observe(durationSeconds),
    job: (labels, durationSeconds) => jobs.observe(labels, durationSeconds),
    transferred: (direction, sizeBytes) => transferred[direction].inc(sizeBytes),
    inFlight: (change) => inFlight.inc(change),
    ...retention,
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** What is given back, and what is pruned. */
function retentionMetrics(registers: Registry[]): Pick<Metrics, 'collectionQueue' | 'collected' | 'pruned'> {
  const candidates = new Gauge({
    name: 'gatehouse_collection_candidates',
    help: 'Blobs that may be unused: due to be looked at, or waiting until their grace is over',
    labelNames: ['state'] as const,
    registers,
  });
  const oldest = new Gauge({
    name: 'gatehouse_collection_oldest_due_seconds',
    help: 'How long the oldest candidate has been due; 0 when none is',
    registers,
  });
  const objects = new Counter({
    name: 'gatehouse_collection_objects_removed_total',
    help: 'Objects removed from storage',
    registers,
  });
  const bytes = new Counter({ name: 'gatehouse_collection_bytes_freed_total', help: 'Bytes given back', registers });
  const items = new Counter({
    name: 'gatehouse_prune_items_total',
    help: 'Tags, revisions and manifests of plans that were carried out; skipped: changed since the plan was made',
    labelNames: ['outcome'] as const,
    registers,
  });
  const stops = new Counter({ name: 'gatehouse_prune_stops_total', help: 'Plans that the brake stopped', registers });
  return {
    collectionQueue({ due, waiting, oldestDueSeconds }) {
      candidates.set({ state: 'due' }, due);
      candidates.set({ state: 'waiting' }, waiting);
      oldest.set(oldestDueSeconds);
    },
    collected(freed) {
      objects.inc(freed.objects);
      bytes.inc(freed.bytes);
    },
    pruned({ deleted, skipped, isStopped }) {
      items.inc({ outcome: 'deleted' }, deleted);
      items.inc({ outcome: 'skipped' }, skipped);
      if (isStopped) stops.inc();
    },
  };
}
