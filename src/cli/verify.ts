import { Command } from 'commander';
import { approximateSize } from '#base/size.ts';
import type { Installation, VerifyReport } from '../app.ts';
import { type ConfigFlag, configFlag, withInstallation } from './installation.ts';
import { onInterrupt } from './interrupt.ts';

type Kind = 'missing' | 'corrupt' | 'orphaned';

const REMEDIES: Readonly<Record<Kind, string>> = {
  missing: 'restore these files from a backup, or delete the images that use them and push them again',
  corrupt: 'check the disk, then restore these files from a backup, or delete the images that use them and push again',
  orphaned: 'nothing uses these bytes; `gatehouse gc --orphans` removes them',
};

/** `gatehouse verify`: whether all bytes are what the metadata says. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('re-hash everything and compare it with the metadata; exit code 1 if anything is wrong')
    .option('--json', 'print one JSON document, as is done anyway when the output is no terminal')
    .addOption(configFlag())
    .addHelpText('after', '\nSafe beside a running server.\n\nExample:\n  gatehouse verify --json | jq .corrupt')
    .action(async (flags: ConfigFlag & { json?: boolean }) => {
      const report = await withInstallation(flags, (installation) => verifyWithProgress(installation));
      const asJson = flags.json === true || !process.stdout.isTTY;
      console.log(asJson ? JSON.stringify(report, null, 2) : reportText(report));
      if (problemCount(report) > 0) process.exitCode = 1;
    });
}

/** The report for people: each finding, what to do about its kind, and a last line that says it all. */
export function reportText(report: VerifyReport): string {
  const lines: string[] = [];
  for (const kind of ['missing', 'corrupt', 'orphaned'] as const) {
    for (const { digest, location, repositories, problem } of report[kind]) {
      lines.push(`${kind}  ${digest ?? location}: ${problem}`);
      if (repositories !== undefined && repositories.length > 0) lines.push(`    used by ${repositories.join(', ')}`);
    }
    if (report[kind].length > 0) lines.push(`  → ${REMEDIES[kind]}`, '');
  }
  const checked = `checked ${report.checkedObjects} objects, ${approximateSize(report.checkedBytes)}`;
  const { missing, corrupt, orphaned } = report;
  const verdict =
    problemCount(report) === 0
      ? 'all is well'
      : `${missing.length} missing, ${corrupt.length} corrupt, ${orphaned.length} orphaned`;
  return [...lines, `${checked}: ${verdict}`].join('\n');
}

function problemCount({ missing, corrupt, orphaned }: VerifyReport): number {
  return missing.length + corrupt.length + orphaned.length;
}

async function verifyWithProgress(installation: Installation): Promise<VerifyReport> {
  const signal = onInterrupt();
  if (!process.stderr.isTTY) return await installation.verify({ signal });
  const { default: progress } = await import('cli-progress');
  const bar = new progress.SingleBar({
    format: '{bar} {percentage}%  {checked} of {total}, {objects} objects, {eta_formatted} left',
    clearOnComplete: true,
    hideCursor: true,
    stream: process.stderr,
  });
  bar.start(1, 0, { checked: '0 B', total: '…', objects: 0 });
  try {
    return await installation.verify({
      signal,
      onProgress: ({ checkedBytes, totalBytes, checkedObjects }) => {
        bar.setTotal(Math.max(1, totalBytes));
        bar.update(checkedBytes, {
          checked: approximateSize(checkedBytes),
          total: approximateSize(totalBytes),
          objects: checkedObjects,
        });
      },
    });
  } finally {
    bar.stop();
  }
}
