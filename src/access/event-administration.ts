import type { AuditEvent } from '#api/events.ts';
import type { Administration } from '#api/operations.ts';
import { type EventRow, eventsBefore } from '#metadata/events.ts';
import type { AdministrationContext } from './change.ts';
import { momentOf } from './change.ts';
import { checkRepository } from './checks.ts';

const PAGE = 100;

/** The audit trail. */
export function eventAdministration({ metadata }: AdministrationContext): Pick<Administration, 'listEvents'> {
  return {
    async listEvents({ since, until, repository, before = Number.MAX_SAFE_INTEGER, limit = PAGE, ...rest }) {
      if (repository !== undefined) checkRepository(repository);
      const filter = { ...rest, repository, since: millisecondsOf(since), until: millisecondsOf(until) };
      // One more than asked for tells whether there is another page.
      const rows = await eventsBefore(metadata, filter, before, limit + 1);
      const events = rows.slice(0, limit).map(auditEvent);
      const next = rows.length > limit ? events.at(-1)?.id : undefined;
      return { events, ...(next === undefined ? {} : { next }) };
    },
  };
}

function millisecondsOf(moment: string | undefined): number | undefined {
  return moment === undefined ? undefined : Date.parse(moment);
}

/** Keys that say nothing are left out. */
function auditEvent({ at, repository, reference, digest, reason, detail, ...row }: EventRow): AuditEvent {
  return {
    ...row,
    at: momentOf(at),
    ...(repository === null ? {} : { repository }),
    ...(reference === null ? {} : { reference }),
    ...(digest === null ? {} : { digest }),
    ...(reason === null ? {} : { reason }),
    ...(detail === null ? {} : { detail: JSON.parse(detail) as unknown }),
  };
}
