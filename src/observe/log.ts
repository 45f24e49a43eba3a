import pino from 'pino';
import type { LogOptions } from './options.ts';

/** One answered request. Never holds a token, a header or a body. */
export interface RequestEntry {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
  readonly actor: string | undefined;
  readonly address: string | undefined;
  readonly agent: string | undefined;
}

/** One run of a job. */
export interface JobEntry {
  readonly job: string;
  readonly durationMs: number;
  readonly outcome: string;
}

/** Every shape that is ever logged: JSON, one line each. */
export interface Log {
  request(entry: RequestEntry): void;
  job(entry: JobEntry): void;
  info(message: string, fields?: object): void;
  /** A fault of ours, with what was thrown. */
  error(message: string, error: unknown, fields?: object): void;
  /** Writes out what is still in memory. */
  close(): void;
}

// Some fifteen lines. Larger batches cost more: a string that grows by pieces is measured anew with each. A quarter of a
// second is the longest that a line waits.
const BATCH_BYTES = 4096;

/** Lines go to standard output in batches: a busy registry would otherwise spend a tenth of its time writing them. */
export function openLog(options: LogOptions): Log {
  const timestamp = isoTimestamps();
  const destination = pino.destination({ dest: 1, sync: true, minLength: BATCH_BYTES, periodicFlush: 250 });
  const logger = pino({ level: options.level, base: null, timestamp }, destination);
  return {
    request(entry) {
      if (entry.status >= 500) logger.error(entry, 'request');
      else if (entry.status >= 400) logger.warn(entry, 'request');
      else logger.info(entry, 'request');
    },
    job: (entry) => logger.info(entry, 'job'),
    info: (message, fields = {}) => logger.info(fields, message),
    error: (message, error, fields = {}) => logger.error({ ...fields, err: error }, message),
    close() {
      // Throws while the file is still being opened; there is nothing to write then.
      try {
        destination.flushSync();
      } catch {
        return;
      }
    },
  };
}

/** The time as ISO 8601, written out once a millisecond however many lines it brings. */
function isoTimestamps(): () => string {
  let lastMs = 0;
  let text = '';
  return () => {
    const nowMs = Date.now();
    if (nowMs !== lastMs) {
      lastMs = nowMs;
      text = `,"time":"${new Date(nowMs).toISOString()}"`;
    }
    return text;
  };
}
