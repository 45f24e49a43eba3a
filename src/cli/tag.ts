import { Command } from 'commander';
import type { Administration } from '#api/operations.ts';
import type { Revision } from '#api/tags.ts';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { readTag } from './image-reference.ts';
import { momentText, printAnswer, tableText } from './output.ts';
import { broughtBackText } from './restore.ts';
import { UsageError } from './usage.ts';

// As many as a server gives at a time.
const PAGE_MAX = 1000;

/** `gatehouse tag`: what tags pointed at. */
export function tagCommand(): Command {
  return new Command('tag')
    .description('show what a tag pointed at, and point it there again')
    .addCommand(historyCommand())
    .addCommand(rollbackCommand());
}

function historyCommand(): Command {
  const command = new Command('history')
    .description('list what a tag pointed at, the newest first; also of a tag that is gone')
    .argument('<tag>', 'such as team-a/app:1.4');
  return addAdministrationFlags(command)
    .addHelpText('after', '\nExample:\n  gatehouse tag history team-a/app:1.4')
    .action(async (reference: string, flags: AdministrationFlags) => {
      const { repository, tag } = readTag(reference);
      const revisions = await withAdministration(flags, (administration) =>
        revisionsOf(administration, { repository, tag }),
      );
      printAnswer(flags, { repository, tag, revisions }, () => historyText(revisions));
    });
}

async function revisionsOf(
  administration: Administration,
  tag: { readonly repository: string; readonly tag: string },
): Promise<Revision[]> {
  const revisions: Revision[] = [];
  let before: number | undefined;
  do {
    const page = await administration.tagHistory({ ...tag, before, limit: PAGE_MAX });
    revisions.push(...page.revisions);
    before = page.next;
  } while (before !== undefined);
  return revisions;
}

function historyText(revisions: readonly Revision[]): string {
  return tableText(
    ['REVISION', 'SET', 'BY', 'HOW', 'ENDED', 'DIGEST'],
    revisions.map(({ revision, since, setBy, setWhy, until, endedBy, endedWhy, digest }) => [
      String(revision),
      momentText(since),
      setBy,
      setWhy,
      until === null ? 'now' : `${momentText(until)} ${endedWhy} by ${endedBy}`,
      digest,
    ]),
  );
}

function rollbackCommand(): Command {
  const command = new Command('rollback')
    .description('point a tag at what it pointed at in an earlier revision, which is brought back if it was removed')
    .argument('<tag>', 'such as team-a/app:1.4')
    .requiredOption('--to <revision>', 'its number; `gatehouse tag history` lists them');
  return addAdministrationFlags(command)
    .addHelpText('after', '\nExample:\n  gatehouse tag rollback team-a/app:1.4 --to 2')
    .action(async (reference: string, flags: AdministrationFlags & { readonly to: string }) => {
      const tag = readTag(reference);
      const revision = Number(flags.to);
      if (!Number.isSafeInteger(revision) || revision < 1) {
        throw new UsageError(`--to: expected the number of a revision, found ${flags.to}`);
      }
      const answer = await withAdministration(flags, (administration) =>
        administration.rollBackTag({ ...tag, revision }),
      );
      printAnswer(flags, answer, broughtBackText);
    });
}
