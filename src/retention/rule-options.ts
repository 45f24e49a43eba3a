import { z } from 'zod';
import { cron } from '#base/cron.ts';
import { durationBetween } from '#base/duration.ts';
import { globProblem } from '#base/glob.ts';
import { share } from '#base/share.ts';
import { sizeBetween } from '#base/size.ts';

const glob = z
  .string({ error: ({ input }) => `expected a pattern such as team-a/**, found ${JSON.stringify(input)}` })
  .refine((pattern) => globProblem(pattern) === undefined, {
    error: ({ input }) => `${globProblem(String(input))}: ${JSON.stringify(input)}`,
  })
  .describe('a pattern: * within a component, ** across, ?, {a,b}');

const count = z.int().min(1).max(1_000_000);

/** What one rule says of the repositories and tags it selects. */
const ruleOptions = z
  .strictObject({
    repositories: glob.describe('which repositories'),
    tags: glob.prefault('*').describe('which of their tags'),
    keepMostRecent: count.optional().describe('keeps so many of the tags, the first in the order of orderBy'),
    orderBy: z.enum(['pushed', 'semver']).optional().describe('pushed: set last comes first; semver: highest first'),
    keepYoungerThan: durationBetween('1m', '3650d').optional().describe('keeps what was set no longer ago'),
    // Pulls are noted once an hour: a shorter span could not be told from none.
    keepPulledWithin: durationBetween('1h', '3650d').optional().describe('keeps what was pulled no longer ago'),
    keepTags: z.array(glob).min(1).optional().describe('keeps the tags that fit one of these'),
    keepSigned: z.boolean().optional().describe('keeps what has a verified signature'),
    keepTagRevisions: count.optional().describe('keeps so many revisions of each tag'),
    deleteUntaggedAfter: durationBetween('1m', '3650d').optional().describe('deletes what nothing led to for so long'),
    deleteUnsignedAfter: durationBetween('1m', '3650d')
      .optional()
      .describe('deletes only tags that had no verified signature for so long'),
    overSizeLimit: sizeBetween('1B', '7TiB').optional().describe('deletes only tags whose image is larger'),
  })
  .refine(({ orderBy, keepMostRecent }) => orderBy === undefined || keepMostRecent !== undefined, {
    path: ['orderBy'],
    error: 'orderBy says in which order keepMostRecent counts, and there is no keepMostRecent',
    params: { remedy: 'add keepMostRecent, or remove the line' },
  });

/** What {@link ruleOptions} parses to. */
export type RuleOptions = z.infer<typeof ruleOptions>;

const timeZone = z
  .string()
  .refine((name) => name === '' || isTimeZone(name), {
    error: ({ input }) => `expected a time zone such as Europe/Berlin or UTC, found ${JSON.stringify(input)}`,
  })
  .describe('a time zone of the IANA database');

/** Which tags go, when, and what stops a run that would take too much. */
export const pruneOptions = {
  schedule: cron.prefault('0 3 * * *').describe('when what the rules do not keep is pruned, in cron fields'),
  timeZone: timeZone.prefault('').describe('whose clocks the schedule means; empty: those of this machine'),
  suspend: z.boolean().prefault(false).describe('whether the schedule is paused'),
  startDeadline: durationBetween('1m', '24h')
    .prefault('1h')
    .describe('how long after its time a run that was missed is still made up for'),
  brake: z
    .strictObject({
      maxShare: share.prefault('50%').describe('the largest share of tags a run may take unasked'),
    })
    .prefault({})
    .describe('what stops a run'),
  pulls: z
    .strictObject({
      ignore: z.array(glob).prefault([]).describe('whose pulls do not count, as patterns of names'),
    })
    .prefault({})
    .describe('what counts as a pull'),
  rules: z.array(ruleOptions).max(1000).prefault([]).describe('what is kept of which tags; no rules: everything'),
};

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
