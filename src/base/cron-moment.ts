const MINUTE = 60_000;
// Lowest value of each field, seconds first; Sunday is 0 and 7.
const LOWEST = [0, 0, 0, 1, 1, 0] as const;
const HIGHEST = [59, 59, 23, 31, 12, 7] as const;

/** When to look, in milliseconds since the epoch: after `after`, up to and including `until`. */
export interface CronSpan {
  readonly after: number;
  readonly until: number;
  /** A name of the IANA time zone database; undefined is this machine's. */
  readonly timeZone?: string | undefined;
}

/**
 * The last moment in a span at which a cron expression is due, by the clocks on the wall; undefined when there is none.
 * As with node-cron, day of month and day of week must both fit. Looks at every minute of the span.
 */
export function latestCronMoment(expression: string, { after, until, timeZone }: CronSpan): number | undefined {
  const fields = expression.trim().split(/\s+/);
  const allowed = (fields.length === 5 ? ['0', ...fields] : fields).map(valuesOf);
  const seconds = [...(allowed[0] ?? [])].toSorted((one, other) => other - one);
  const wall = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    minute: 'numeric',
    hour: 'numeric',
    day: 'numeric',
    month: 'numeric',
    weekday: 'short',
  });
  for (let minute = Math.floor(until / MINUTE) * MINUTE; minute + MINUTE > after; minute -= MINUTE) {
    if (!fieldsAt(wall, minute).every((value, index) => allowed[index + 1]?.has(value) === true)) continue;
    const moment = seconds.map((second) => minute + second * 1000).find((one) => one <= until);
    if (moment !== undefined) return moment > after ? moment : undefined;
  }
  return undefined;
}

/** Minute, hour, day of month, month and day of week. */
function fieldsAt(wall: Intl.DateTimeFormat, moment: number): number[] {
  const parts = new Map(wall.formatToParts(moment).map(({ type, value }) => [type, value]));
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
  const weekday = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'].indexOf(parts.get('weekday') ?? '');
  return [number('minute'), number('hour'), number('day'), number('month'), weekday];
}

function valuesOf(field: string, position: number): ReadonlySet<number> {
  const values = new Set<number>();
  for (const item of field.split(',')) {
    const [range = '*', step = '1'] = item.split('/');
    const [first, last = first] = range.split('-');
    const from = first === '*' ? (LOWEST[position] ?? 0) : Number(first);
    // A single value with a step, as in 5/10, goes on from there.
    const to = first === '*' || (item.includes('/') && !range.includes('-')) ? (HIGHEST[position] ?? 0) : Number(last);
    for (let value = from; value <= to; value += Number(step)) values.add(position === 5 ? value % 7 : value);
  }
  return values;
}
