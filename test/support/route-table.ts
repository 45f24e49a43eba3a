import { openAccess } from '#access/open.ts';
import { accessOptions } from '#access/options.ts';
import { openClients } from '#http/client-address.ts';
import { httpOptions } from '#http/options.ts';
import { type Route, routes } from '#http/routes.ts';
import { openUrls } from '#http/urls.ts';
import { nothing } from '#metadata/nothing.ts';
import { openMetrics } from '#observe/metrics.ts';
import { openRegistry } from '#registry/open.ts';
import { openPulls } from '#retention/pulls.ts';
import { openRooms } from './rooms.ts';

const nobodyAdministers = (): never => {
  throw new Error('nobody administers this table');
};

/** Every route the server knows, as `http/routes.ts` lists them: to be read, not to be called. */
export async function routeTable(): Promise<readonly Route[]> {
  const rooms = await openRooms();
  const { context, registry, metadata } = rooms;
  const access = openAccess({
    metadata,
    clock: context.clock,
    options: accessOptions.parse({}),
    workloads: { isForUs: () => false, verify: () => Promise.reject(new Error('there are no issuers')) },
    publicUrl: undefined,
    note: () => undefined,
  });
  const table = routes(
    {
      ...access,
      administration: { as: nobodyAdministers },
      registry,
      emptyRegistry: openRegistry({ ...context, metadata: nothing }),
      metrics: openMetrics(),
      health: { ready: () => Promise.resolve(), isDraining: () => false },
      options: httpOptions.parse({}),
      manifestMaxBytes: 1,
      certificateOf: () => undefined,
      note: () => undefined,
      notesPulls: false,
      pulls: openPulls({ metadata, ignore: [], onError: () => undefined }),
      clock: context.clock,
      simpleSigning: { extension: true, lookaside: true },
      authorityCertificate: () => undefined,
    },
    openUrls(undefined, openClients([])),
  );
  await rooms.close();
  return table;
}

/** What tells a route from the others. */
export function labelOf({ method, name }: Pick<Route, 'method' | 'name'>): string {
  return `${method} ${name}`;
}
