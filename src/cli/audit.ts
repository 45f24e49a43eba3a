import { Command } from 'commander';
import type { AuditEvent } from '#api/events.ts';
import type { Administration, Input } from '#api/operations.ts';
import { duration } from '#base/duration.ts';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { momentText, tableText } from './output.ts';
import { UsageError } from './usage.ts';

interface AuditFlags extends AdministrationFlags {
  readonly since?: string;
  readonly until?: string;
  readonly repository?: string;
  readonly actor?: string;
  readonly kind?: string;
  readonly outcome?: string;
  readonly limit: string;
}

// As many as a server gives at a time.
const PAGE_MAX = 1000;

/** `gatehouse audit`: who did what. */
export function auditCommand(): Command {
  const command = new Command('audit')
    .description('show the audit trail, the newest first')
    .option('--since <time>', 'only from then on: 24h ago, or 2026-01-31T08:00:00Z')
    .option('--until <time>', 'only before then: 1h ago, or 2026-01-31T08:00:00Z')
    .option('--repository <name>', 'only of this repository')
    .option('--actor <name>', 'only what this user or robot did')
    .option('--kind <kind>', 'only events such as manifest.push')
    .option('--outcome <outcome>', 'only what was done, or refused')
    .option('--limit <count>', 'at most so many', '100');
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\n--json prints one JSON object a line.\n\nExample:\n  gatehouse audit --since 24h --repository team-a/app --actor alice --json',
    )
    .action(async (flags: AuditFlags) => {
      const { parseInput } = await import('#api/input.ts');
      const { repository, actor, kind, outcome } = flags;
      const now = Date.now();
      const since = timeOf('--since', flags.since, now);
      const until = timeOf('--until', flags.until, now);
      const filter = parseInput('listEvents', { since, until, repository, actor, kind, outcome });
      const limit = countOf(flags.limit);
      const events = await withAdministration(flags, (administration) => eventsOf(administration, filter, limit));
      if (flags.json === true) for (const event of events) console.log(JSON.stringify(event));
      else console.log(eventsText(events));
    });
}

async function eventsOf(
  administration: Administration,
  filter: Input<'listEvents'>,
  limit: number,
): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  let before: number | undefined;
  do {
    const page = await administration.listEvents({
      ...filter,
      before,
      limit: Math.min(limit - events.length, PAGE_MAX),
    });
    events.push(...page.events);
    before = page.next;
  } while (before !== undefined && events.length < limit);
  return events;
}

function eventsText(events: readonly AuditEvent[]): string {
  return tableText(
    ['TIME', 'ACTOR', 'FROM', 'EVENT', 'OUTCOME', 'WHAT'],
    events.map((event) => [
      momentText(event.at),
      event.actor,
      event.address === '' ? '-' : event.address,
      event.kind,
      event.outcome,
      subjectText(event),
    ]),
  );
}

function subjectText({ repository, reference, digest, reason, count, detail }: AuditEvent): string {
  const name = repository === undefined ? (reference ?? '') : [repository, reference].filter(isPresent).join(':');
  const times = count === 1 ? undefined : `${count} times`;
  return [name, digest, times, reason, detailText(detail)].filter(isPresent).join('  ');
}

/** `role=registry-editor scope=team-a/`: what else is known, as one writes it down. */
function detailText(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return '';
  const pairs = Object.entries(detail).filter(
    ([, value]) => value !== '' && !(Array.isArray(value) && value.length === 0),
  );
  return pairs.map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ');
}

function isPresent(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

/** A moment from a duration ago, or from one that is written out. */
function timeOf(flag: string, text: string | undefined, now: number): string | undefined {
  if (text === undefined) return undefined;
  const ago = duration.safeParse(text).data;
  const moment = ago === undefined ? Date.parse(text) : now - ago;
  // Date.parse takes much: a moment begins with its year.
  if ((ago !== undefined || /^\d{4}-\d\d/.test(text)) && Math.abs(moment) <= 8.64e15) {
    return new Date(moment).toISOString();
  }
  throw new UsageError(
    `${flag}: expected a duration such as 24h, or a time such as 2026-01-31T08:00:00Z, found ${text}`,
  );
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new UsageError(`--limit: expected a number above 0, found ${text}`);
}
