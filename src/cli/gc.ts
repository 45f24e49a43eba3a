import { Command, Option } from 'commander';
import { duration } from '#base/duration.ts';
import { approximateSize } from '#base/size.ts';
import type { CollectReport, Installation, Orphan } from '../app.ts';
import { type ConfigFlag, configFlag, withInstallation } from './installation.ts';
import { onInterrupt } from './interrupt.ts';
import { UsageError } from './usage.ts';

interface GcFlags extends ConfigFlag {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly orphans?: boolean;
  readonly minimumAge: string;
}

/** What a run by hand came to. */
export interface GcReport extends CollectReport {
  readonly dryRun: boolean;
  /** Absent unless they were asked for. */
  readonly orphans?: readonly Orphan[];
}

/** `gatehouse gc`: gives back the space of bytes that nothing uses. */
export function gcCommand(): Command {
  return new Command('gc')
    .description('remove bytes that nothing uses any more; the server does so by itself all the time')
    .option('--dry-run', 'only say what would be removed')
    .option('--orphans', 'also walk all of the storage for what a crash left')
    .option('--json', 'print one JSON document, as is done anyway when the output is no terminal')
    .addOption(new Option('--minimum-age <duration>', 'orphans: leave alone what is younger').default('1h'))
    .addOption(configFlag())
    .addHelpText(
      'after',
      '\nSafe beside a running server. What was deleted stays until retention.undoWindow is over.' +
        '\n\nExample:\n  gatehouse gc --dry-run',
    )
    .action(async (flags: GcFlags) => {
      const report = await withInstallation(flags, (installation) => run(installation, flags));
      const asJson = flags.json === true || !process.stdout.isTTY;
      console.log(asJson ? JSON.stringify(report, null, 2) : gcText(report));
    });
}

async function run(installation: Installation, flags: GcFlags): Promise<GcReport> {
  const minimumAgeMs = readAge(flags.minimumAge);
  const signal = onInterrupt();
  const dryRun = flags.dryRun === true;
  const report = await withProgress((onProgress) => installation.collect({ dryRun, signal, onProgress }));
  if (flags.orphans !== true) return { dryRun, ...report };
  return { dryRun, ...report, orphans: await installation.collectOrphans({ dryRun, minimumAgeMs, signal }) };
}

/** The report for people. */
export function gcText({ dryRun, orphans, ...report }: GcReport): string {
  const { forgottenManifests, removedReferrers, unlinkedBlobs, removedObjects, freedBytes } = report;
  const act = dryRun ? 'would remove' : 'removed';
  const lines = [`${act} ${removedObjects} objects, ${approximateSize(freedBytes)}`];
  if (forgottenManifests > 0) lines.push(`  ${forgottenManifests} manifests can no longer be restored`);
  if (removedReferrers > 0) lines.push(`  ${removedReferrers} manifests went after the one they belonged to`);
  if (unlinkedBlobs > 0) lines.push(`  ${unlinkedBlobs} blobs were named by no manifest of their repository`);
  for (const { location, sizeBytes } of orphans ?? []) lines.push(`  ${location}  ${approximateSize(sizeBytes)}`);
  if (orphans !== undefined) lines.push(`${act} ${orphans.length} orphans`);
  return lines.join('\n');
}

/** A line that counts, while a person watches: how much there is in all shows only as each step lets the next begin. */
async function withProgress<T>(work: (onProgress?: (report: CollectReport) => void) => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return await work();
  const { default: progress } = await import('cli-progress');
  const bar = new progress.SingleBar({
    format: '{removed} objects removed, {freed}; {unlinked} blobs let go, {forgotten} manifests forgotten',
    clearOnComplete: true,
    hideCursor: true,
    stream: process.stderr,
  });
  bar.start(1, 0, { removed: 0, freed: '0 B', unlinked: 0, forgotten: 0 });
  try {
    return await work(({ removedObjects, freedBytes, unlinkedBlobs, forgottenManifests }) =>
      bar.update(0, {
        removed: removedObjects,
        freed: approximateSize(freedBytes),
        unlinked: unlinkedBlobs,
        forgotten: forgottenManifests,
      }),
    );
  } finally {
    bar.stop();
  }
}

function readAge(text: string): number {
  const { data, error } = duration.safeParse(text, { reportInput: true });
  if (data === undefined) throw new UsageError(`--minimum-age: ${error?.issues[0]?.message ?? 'not a duration'}`);
  return data;
}
