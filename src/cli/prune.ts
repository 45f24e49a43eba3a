import { Command } from 'commander';
import type { Administration, Output } from '#api/operations.ts';
import type { PruneItem, PrunePlan } from '#api/prune.ts';
import {
  type AdministrationFlags,
  addAdministrationFlags,
  samePlaceText,
  withAdministration,
} from './administration.ts';
import { momentText, printAnswer, tableText } from './output.ts';
import { type ShownPlan, itemText, itemsOf, planText } from './prune-plan.ts';
import { UsageError } from './usage.ts';

type PruneFlags = AdministrationFlags & {
  readonly repository?: readonly string[];
  readonly all?: boolean;
  readonly confirm?: string | true;
  readonly overrideBrake?: boolean;
};

/** `gatehouse prune`: what the rules do not keep. */
export function pruneCommand(): Command {
  const command = new Command('prune')
    .description('plan what the rules of retention would delete; deletes nothing without --confirm')
    // Else the --json of `prune show --json` would be that of prune.
    .enablePositionalOptions()
    .option('--repository <pattern...>', 'plan only for repositories that fit, such as team-a/**')
    .option('--all', 'also list what is kept')
    .option(
      '--confirm [plan]',
      'carry out that plan, skipping what has changed since; the newest one unless it is named',
    )
    .option('--override-brake', 'with --confirm: let a plan pass that the brake would stop');
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nExit code 1 if the brake stopped the plan. --json holds what is kept, too.' +
        '\n\nExample:\n  gatehouse prune --repository "team-a/**"\n  gatehouse prune --confirm',
    )
    .addCommand(showCommand())
    .addCommand(listCommand())
    .action(async (flags: PruneFlags) => {
      if (flags.confirm !== undefined) await confirm(flags.confirm, flags);
      else await plan(flags);
    });
}

async function plan(flags: PruneFlags): Promise<void> {
  if (flags.overrideBrake === true) throw new UsageError('--override-brake goes with --confirm');
  const { repository, all, json } = flags;
  const shown = await withAdministration(flags, async (administration): Promise<ShownPlan> => {
    const made = await administration.planPruning({
      repositories: repository === undefined ? undefined : [...repository],
    });
    const fate = all === true || json === true ? undefined : 'delete';
    return { ...made, items: await itemsOf(administration, made.id, { fate }) };
  });
  printAnswer(flags, shown, (one) => `${planText(one)}\n${nextStep(one, flags)}`);
}

function nextStep({ id, tags, revisions, manifests, stops }: PrunePlan, flags: PruneFlags): string {
  if (tags.delete + revisions.delete + manifests.delete === 0) return 'nothing is to be deleted';
  const override = stops.length === 0 ? '' : ' --override-brake';
  return `nothing was deleted; to carry it out: gatehouse prune --confirm ${id}${override}${samePlaceText(flags)}`;
}

async function confirm(named: string | true, flags: PruneFlags): Promise<void> {
  if (flags.repository !== undefined)
    throw new UsageError('--repository is for making a plan, not for carrying one out');
  const { overrideBrake } = flags;
  const { report, skipped } = await withAdministration(flags, async (administration) => {
    const id = named === true ? await newestPlan(administration) : named;
    const outcome = await administration.confirmPlan({ plan: id, overrideBrake });
    const items = outcome.skipped === 0 ? [] : await itemsOf(administration, id, { fate: 'delete' });
    return { report: outcome, skipped: items.filter((item) => item.outcome?.startsWith('skipped') === true) };
  });
  printAnswer(flags, { ...report, skippedItems: skipped }, () => reportText(report, skipped, flags));
  if (report.stops.length > 0) process.exitCode = 1;
}

/** @throws {Error} there is none that can be carried out */
async function newestPlan(administration: Administration): Promise<string> {
  const { plans } = await administration.listPlans({});
  const now = new Date().toISOString();
  const good = plans.find(({ status, goodUntil }) => ['planned', 'stopped'].includes(status) && goodUntil > now);
  if (good === undefined) throw new Error('there is no plan to carry out: `gatehouse prune` makes one');
  return good.id;
}

function reportText(report: Output<'confirmPlan'>, skipped: readonly PruneItem[], flags: PruneFlags): string {
  const { plan: id, stops, tags, revisions, manifests, gone } = report;
  if (stops.length > 0) {
    return [
      ...stops.map(({ reason }) => `stopped: ${reason}`),
      `nothing was deleted; to let it pass all the same: gatehouse prune --confirm ${id} --override-brake${samePlaceText(flags)}`,
    ].join('\n');
  }
  return [
    ...skipped.map((item) => `${itemText(item)} ${item.outcome}`),
    ...(gone > 0 ? [`${gone} were gone already`] : []),
    `carried out plan ${id}: deleted ${tags} tags, ${revisions} revisions, ${manifests} manifests; skipped ${report.skipped}`,
  ].join('\n');
}

type ShowFlags = AdministrationFlags & { readonly repository?: string; readonly all?: boolean };

function showCommand(): Command {
  const command = new Command('show')
    .description('show a plan, and what became of each item once it was carried out')
    .argument('<plan>', 'id of the plan')
    .option('--repository <name>', 'only items of this repository')
    .option('--all', 'also list what is kept');
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\n--json holds what is kept, too.\n\nExample:\n  gatehouse prune show PLAN --repository team-a/app',
    )
    .action(async (id: string, flags: ShowFlags) => {
      const { repository, all, json } = flags;
      const shown = await withAdministration(flags, async (administration): Promise<ShownPlan> => {
        const { plan: found } = await administration.showPlan({ plan: id, limit: 1 });
        const fate = all === true || json === true ? undefined : 'delete';
        return { ...found, items: await itemsOf(administration, id, { repository, fate }) };
      });
      printAnswer(flags, shown, planText);
    });
}

function listCommand(): Command {
  return addAdministrationFlags(new Command('list').description('list the plans that are kept, the newest first'))
    .addHelpText('after', '\nExample:\n  gatehouse prune list')
    .action(async (flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.listPlans({}));
      printAnswer(flags, answer, ({ plans }) =>
        tableText(
          ['PLAN', 'MADE', 'BY', 'STATUS', 'TAGS', 'REVISIONS', 'MANIFESTS', 'GOOD UNTIL'],
          plans.map(({ id, madeAt, madeBy, status, tags, revisions, manifests, goodUntil }) => [
            id,
            momentText(madeAt),
            madeBy,
            status,
            String(tags.delete),
            String(revisions.delete),
            String(manifests.delete),
            momentText(goodUntil),
          ]),
        ),
      );
    });
}
