import type { Metrics } from '#observe/metrics.ts';
import { RegistryError } from '#oci/errors.ts';
import type { Handler } from './exchange.ts';

/** What probes ask about. */
export interface Health {
  /** Resolves when the database and the store do their work; rejects with the reason otherwise. */
  ready(): Promise<void>;
  isDraining(): boolean;
}

/** end-1, and what an operator's machinery asks. */
export interface OperationHandlers {
  readonly ping: Handler;
  readonly healthz: Handler;
  readonly readyz: Handler;
  readonly metrics: Handler;
  readonly authority: Handler;
}

export function operationHandlers({
  metrics,
  health,
  authorityCertificate,
}: {
  metrics: Metrics;
  health: Health;
  authorityCertificate: () => string | undefined;
}): OperationHandlers {
  return {
    async ping(exchange) {
      exchange.body = {};
    },

    /** The process answers. Says nothing of what it depends on: restarting us would not mend that. */
    async healthz(exchange) {
      exchange.body = { status: 'ok' };
    },

    /** Requests may be sent here. */
    async readyz(exchange) {
      const problem = health.isDraining() ? 'shutting down' : await problemOf(health);
      exchange.status = problem === undefined ? 200 : 503;
      exchange.body = problem === undefined ? { status: 'ready' } : { status: 'not ready', problem };
    },

    async metrics(exchange) {
      const { contentType, text } = await metrics.render();
      exchange.set('Content-Type', contentType);
      exchange.body = text;
    },

    /** What nodes have to trust: public, and fetched by those who cannot verify us yet. */
    async authority(exchange) {
      const certificate = authorityCertificate();
      if (certificate === undefined) {
        throw new RegistryError('UNSUPPORTED', 'this registry has no authority of its own; see http.tls.mode', {
          reason: 'no-route',
        });
      }
      exchange.set('Content-Type', 'application/x-pem-file');
      exchange.body = certificate;
    },
  };
}

async function problemOf(health: Health): Promise<string | undefined> {
  try {
    await health.ready();
    return undefined;
  } catch {
    // What exactly is wrong stands in the log; the probe is open to anyone.
    return 'the database or the storage does not answer';
  }
}
