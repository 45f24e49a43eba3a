import type { Administration } from '#api/operations.ts';
import { listEvents } from '#audit/query.ts';
import type { AdministrationContext } from './change.ts';
import { checkRepository } from './checks.ts';

// A screenful or two.
const PAGE = 100;

/** The audit trail. */
export function eventAdministration({ metadata }: AdministrationContext): Pick<Administration, 'listEvents'> {
  return {
    async listEvents({ since, until, repository, before, limit = PAGE, ...rest }) {
      if (repository !== undefined) checkRepository(repository);
      const filter = { ...rest, repository, since: millisecondsOf(since), until: millisecondsOf(until) };
      const { events, next } = await listEvents(metadata, filter, { before, limit });
      return { events: [...events], ...(next === undefined ? {} : { next }) };
    },
  };
}

function millisecondsOf(moment: string | undefined): number | undefined {
  return moment === undefined ? undefined : Date.parse(moment);
}
