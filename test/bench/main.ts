import { mkdtempSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { measureAccess } from './access.ts';
import type { Bench } from './bench.ts';
import { measureListing } from './listing.ts';
import { measureManifestPut } from './manifest-put.ts';
import { measureMemory } from './memory.ts';
import { type MeasureName, type Options, readOptions, usage } from './options.ts';
import { cleanUpAtExit } from './processes.ts';
import { measurePull } from './pull.ts';
import { measurePush } from './push.ts';
import { type Registry, knownRegistries } from './registries.ts';
import { Report, progress } from './report.ts';
import { measureRequests } from './requests.ts';
import { measureRetention } from './retention.ts';
import { measureStartup } from './startup.ts';
import { measureTrust } from './trust.ts';

const measures: Record<MeasureName, (bench: Bench) => Promise<void>> = {
  requests: measureRequests,
  access: measureAccess,
  pull: measurePull,
  push: measurePush,
  listing: measureListing,
  put: measureManifestPut,
  startup: measureStartup,
  memory: measureMemory,
  retention: measureRetention,
  trust: measureTrust,
};

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), tmpdir());
  if (options === undefined) {
    process.stdout.write(usage);
    return;
  }
  const folder = mkdtempSync(join(options.folder, 'gatehouse-bench-'));
  cleanUpAtExit(folder);
  const report = new Report();
  const bench = { options, folder, report, ...chooseRegistries(options, report) };
  const begun = new Date();
  const [load = 0] = loadavg();
  // Half a processor taken by others already moves ratios: with two of them, server and client need one each.
  if (load > 0.5)
    report.remark(`the machine was busy when the run began (load average ${load.toFixed(1)}): trust the figures less`);
  for (const name of options.only) {
    progress(`measuring ${name}`);
    await measures[name](bench).catch((error: unknown) => report.fail(name, error));
  }
  const machine = describeMachine();
  process.stdout.write(
    `\n${machine}; ${begun.toISOString()}; ${options.rounds} rounds of ${options.seconds} s\n\n${report.toTable()}\n`,
  );
  if (options.json !== undefined) writeFileSync(options.json, toJson({ machine, begun, options, report }));
  if (report.failures.length > 0) process.exitCode = 1;
}

function chooseRegistries(options: Options, report: Report): { ours: Registry; peers: Registry[] } {
  const [gatehouse, ...others] = knownRegistries(options.distribution);
  const found = [gatehouse, ...others].find((registry) => registry?.name === options.ours);
  if (found === undefined) throw new Error(`expected --ours to name a registry, found ${options.ours}`);
  const missing = found.missing();
  if (missing !== undefined) throw new Error(`expected ${found.name} to be tested: ${missing}`);
  const peers = others.filter((registry) => {
    const reason = registry.missing();
    if (reason !== undefined) report.skip(`all against ${registry.name}: ${reason}`);
    return reason === undefined;
  });
  if (found !== gatehouse) report.remark(`${found.name} stood in our place: the figures say nothing about Gatehouse`);
  return { ours: { ...found }, peers };
}

function describeMachine(): string {
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu?.model.trim() ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux, Node ${process.version}`;
}

function toJson(run: { machine: string; begun: Date; options: Options; report: Report }): string {
  const { machine, begun, options, report } = run;
  const { rows, remarks, skipped, failures } = report;
  return `${JSON.stringify({ machine, begun, ended: new Date(), options, rows, remarks, skipped, failures }, undefined, 2)}\n`;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
