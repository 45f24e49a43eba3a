import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Every metric there is. Labels are route names, methods and outcomes; never a path, a tag or a digest. */
export interface Metrics {
  request(labels: { method: string; route: string; status: number }, durationSeconds: number): void;
  job(labels: { job: string; outcome: 'done' | 'failed' | 'elsewhere' }, durationSeconds: number): void;
  /** Bytes of request bodies taken in, and of answers given out. */
  transferred(direction: 'in' | 'out', sizeBytes: number): void;
  inFlight(change: 1 | -1): void;
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
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
