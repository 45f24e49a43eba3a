import { Command, Option } from 'commander';
import { duration } from '#base/duration.ts';
import { approximateSize } from '#base/size.ts';
import type { CollectReport } from '../app.ts';
import { type ConfigFlag, configFlag, withInstallation } from './installation.ts';
import { onInterrupt } from './interrupt.ts';
import { UsageError } from './usage.ts';

interface GcFlags extends ConfigFlag {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly minimumAge: string;
}

/** `gatehouse gc`: gives back the space of bytes that nothing uses. */
export function gcCommand(): Command {
  return (
    new Command('gc')
      .description('remove bytes that nothing uses')
      .option('--dry-run', 'only say what would be removed')
      .option('--json', 'print one JSON document, as is done anyway when the output is no terminal')
      // A push puts bytes first and the fact that needs them after: what is young may be about to be used.
      .addOption(new Option('--minimum-age <duration>', 'leave alone what is younger').default('1h'))
      .addOption(configFlag())
      .addHelpText('after', '\nSafe beside a running server.\n\nExample:\n  gatehouse gc --dry-run --minimum-age 24h')
      .action(async (flags: GcFlags) => {
        const minimumAgeMs = readAge(flags.minimumAge);
        const signal = onInterrupt();
        const report = await withInstallation(flags, (installation) =>
          installation.collect({ dryRun: flags.dryRun === true, minimumAgeMs, signal }),
        );
        const asJson = flags.json === true || !process.stdout.isTTY;
        console.log(asJson ? JSON.stringify(report, null, 2) : collectText(report));
      })
  );
}

/** The report for people: each object, and what it came to. */
export function collectText({ dryRun, removed, freedBytes }: CollectReport): string {
  const lines = removed.map(
    ({ digest, location, sizeBytes }) => `${digest ?? location}  ${approximateSize(sizeBytes)}`,
  );
  const act = dryRun ? 'would remove' : 'removed';
  return [...lines, `${act} ${removed.length} objects, ${approximateSize(freedBytes)}`].join('\n');
}

function readAge(text: string): number {
  const { data, error } = duration.safeParse(text, { reportInput: true });
  if (data === undefined) throw new UsageError(`--minimum-age: ${error?.issues[0]?.message ?? 'not a duration'}`);
  return data;
}
