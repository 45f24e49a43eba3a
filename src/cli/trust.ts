import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import type { Administration, Output } from '#api/operations.ts';
import type { HeldTag, TrustExplanation } from '#api/trust.ts';
import { type AdministrationFlags, addAdministrationFlags, originOf, withAdministration } from './administration.ts';
import { readReference } from './image-reference.ts';
import { fileText } from './input-file.ts';
import { momentText, printAnswer, tableText } from './output.ts';
import { explanationText, isPassing } from './trust-explanation.ts';
import { previewText } from './trust-preview.ts';
import { UsageError } from './usage.ts';

// As many as a server gives at a time.
const PAGE_MAX = 1000;
const PREVIEWED_MAX = 10_000;

const EXIT_CODES = '\nExit codes: 0 the policy is satisfied or asks nothing, 3 it is not.';

/** `gatehouse trust`: what the gate holds, why, and what opens it. */
export function trustCommand(): Command {
  return new Command('trust')
    .description('say why an image is held or blocked, and what would publish it')
    .addCommand(explainCommand())
    .addCommand(verifyCommand())
    .addCommand(listCommand())
    .addCommand(releaseCommand())
    .addCommand(previewCommand());
}

function explainCommand(): Command {
  const command = new Command('explain')
    .description('say who has signed an image, what of it counts, what is missing and what to type to bring it')
    .argument('<image>', 'such as team-a/app:1.4 or team-a/app@sha256:…');
  return addAdministrationFlags(command)
    .addHelpText('after', `${EXIT_CODES}\n\nExample:\n  gatehouse trust explain team-a/app:1.4`)
    .action((image: string, flags: AdministrationFlags) => explain(image, flags, 'trustExplain'));
}

function verifyCommand(): Command {
  const command = new Command('verify')
    .description('judge an image anew, now, and say the same; what that satisfies is published')
    .argument('<image>', 'such as team-a/app:1.4 or team-a/app@sha256:…');
  return addAdministrationFlags(command)
    .addHelpText('after', `${EXIT_CODES}\n\nExample:\n  gatehouse trust verify team-a/app:1.4`)
    .action((image: string, flags: AdministrationFlags) => explain(image, flags, 'trustVerify'));
}

async function explain(
  image: string,
  flags: AdministrationFlags,
  operation: 'trustExplain' | 'trustVerify',
): Promise<void> {
  const reference = readReference(image);
  const found = await withAdministration(flags, (administration) => administration[operation](reference));
  const answer = withHost(found, flags);
  printAnswer(flags, answer, explanationText);
  if (!isPassing(answer)) process.exitCode = 3;
}

/** A server that does not know its name is called as it was reached. */
function withHost(found: TrustExplanation, { server }: AdministrationFlags): TrustExplanation {
  if (server === undefined) return found;
  const { host } = new URL(originOf(server));
  const named = (command: string): string =>
    command.replaceAll(`HOST/${found.repository}`, () => `${host}/${found.repository}`);
  return { ...found, missing: found.missing.map((one) => ({ ...one, commands: one.commands.map(named) })) };
}

type ListFlags = AdministrationFlags & { readonly held?: boolean; readonly repository?: string };

function listCommand(): Command {
  const command = new Command('list')
    .description('list the tags that are held, since when, by whom they were pushed and what is missing')
    .option('--held', 'what is held: there is no other list, so it can be left out')
    .option('--repository <name>', 'only those of this repository; without it for system-admins');
  return addAdministrationFlags(command)
    .addHelpText('after', '\nExample:\n  gatehouse trust list --held')
    .action(async (flags: ListFlags) => {
      const held = await withAdministration(flags, (administration) => heldOf(administration, flags.repository));
      printAnswer(flags, { held }, () => heldText(held));
    });
}

async function heldOf(administration: Administration, repository: string | undefined): Promise<HeldTag[]> {
  const held: HeldTag[] = [];
  let after: string | undefined;
  do {
    const page = await administration.trustHeld({ repository, after, limit: PAGE_MAX });
    held.push(...page.held);
    after = page.next;
  } while (after !== undefined);
  return held;
}

function heldText(held: readonly HeldTag[]): string {
  if (held.length === 0) return 'nothing is held';
  return tableText(
    ['TAG', 'SINCE', 'BY', 'LAPSES', 'DIGEST', 'WHY'],
    held.map(({ repository, tag, since, by, lapsesAt, digest, summary }) => [
      `${repository}:${tag}`,
      momentText(since),
      by,
      momentText(lapsesAt),
      digest,
      summary,
    ]),
  );
}

function releaseCommand(): Command {
  const command = new Command('release')
    .description('let an image pass whatever its policy says, for good; for system-admins, and in the audit trail')
    .argument('<image>', 'such as team-a/app:1.4 or team-a/app@sha256:…')
    .requiredOption('--reason <text>', 'why, for whoever reads the audit trail');
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nExample:\n  gatehouse trust release team-a/app:1.4 --reason "signing is down, incident 4711"',
    )
    .action(async (image: string, flags: AdministrationFlags & { readonly reason: string }) => {
      const reference = readReference(image);
      const { reason } = flags;
      const answer = await withAdministration(flags, (administration) =>
        administration.trustRelease({ ...reference, reason }),
      );
      printAnswer(flags, answer, releaseText);
    });
}

function releaseText({ repository, digest, tags }: Output<'trustRelease'>): string {
  const published = tags.map((tag) => `${repository}:${tag} points at ${digest}`);
  return [`released ${repository}@${digest}`, ...(tags.length === 0 ? ['no tag waited for it'] : published)].join('\n');
}

type PreviewFlags = AdministrationFlags & {
  readonly policy: string;
  readonly repository?: string;
  readonly limit: string;
};

function previewCommand(): Command {
  const command = new Command('preview')
    .description("say what intended policies would hold, refuse or block of today's tags; changes nothing")
    .requiredOption('--policy <file>', 'a configuration file, or its section trust alone; - for standard input')
    .option('--repository <pattern>', 'only repositories that fit, such as team-a/**')
    .option('--limit <number>', 'how many tags to list', '100');
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nA file without roots means those in force. With roots of its own it can be previewed only on the server' +
        '\nitself: their files are read there, relative to the file.' +
        '\n\nExample:\n  gatehouse trust preview --policy intended.yaml --repository "team-a/**"',
    )
    .action(async (flags: PreviewFlags) => {
      const { policy, repository: repositories } = flags;
      const limit = limitOf(flags.limit);
      const trust = await trustSection(policy);
      const answer = await withAdministration(flags, (administration) =>
        administration.trustPreview({ trust, repositories, limit }),
      );
      printAnswer(flags, answer, previewText);
    });
}

/** @throws {UsageError} */
function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= PREVIEWED_MAX) return limit;
  throw new UsageError(`--limit: expected a number from 1 to ${PREVIEWED_MAX}, found ${text}`);
}

async function trustSection(file: string): Promise<Record<string, unknown>> {
  const text = await fileText(file);
  const { parseTrustSection } = await import('#config/load.ts');
  const folder = file === '-' ? process.cwd() : dirname(resolve(file));
  return parseTrustSection(text, { source: file, folder, environment: process.env });
}
