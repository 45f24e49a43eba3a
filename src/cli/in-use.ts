import { Command } from 'commander';
import type { Output } from '#api/operations.ts';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { fileText } from './input-file.ts';
import { momentText, printAnswer, tableText } from './output.ts';

type ImportFlags = AdministrationFlags & { readonly source?: string; readonly maxAge?: string };

/** `gatehouse in-use`: what clusters run, which is kept. */
export function inUseCommand(): Command {
  return new Command('in-use')
    .description('say what clusters run, which pruning then keeps')
    .addCommand(importCommand())
    .addCommand(listCommand());
}

function importCommand(): Command {
  const command = new Command('import')
    .description('take a list of image references, one a line, in the place of what the same source said before')
    .argument('<file>', 'the list, or - for standard input')
    .option('--source <name>', 'whose list it is, such as a cluster (default: default)')
    .option('--max-age <duration>', 'for how long it protects (default: 48h)');
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nA line that is no reference is reported and protects nothing; a list without any reference is refused.' +
        '\nWith --server a list may have at most 1 MiB.' +
        '\n\nExample:\n  gatehouse in-use import images.txt --source prod' +
        `\n  kubectl get pods -A -o jsonpath='{range ..containers[*]}{.image}{"\\n"}{end}' \\` +
        '\n    | gatehouse in-use import - --source prod',
    )
    .action(async (file: string, flags: ImportFlags) => {
      const list = await fileText(file);
      const { source, maxAge } = flags;
      const answer = await withAdministration(flags, (administration) =>
        administration.importInUse({ list, source, maxAge }),
      );
      printAnswer(flags, answer, importText);
    });
}

function importText({ source, references, malformed, malformedLines, expiresAt }: Output<'importInUse'>): string {
  const unshown = malformedLines - malformed.length;
  return [
    ...malformed.map(({ line, text, problem }) => `line ${line} protects nothing: ${problem}: ${text}`),
    ...(unshown > 0 ? [`${unshown} more lines protect nothing`] : []),
    `${references} references of ${source} are in use until ${momentText(expiresAt)}`,
  ].join('\n');
}

function listCommand(): Command {
  return addAdministrationFlags(new Command('list').description('list whose lists protect something now'))
    .addHelpText('after', '\nExample:\n  gatehouse in-use list')
    .action(async (flags: AdministrationFlags) => {
      const answer = await withAdministration(flags, (administration) => administration.listInUse({}));
      printAnswer(flags, answer, ({ sources }) =>
        tableText(
          ['SOURCE', 'REFERENCES', 'UNTIL'],
          sources.map(({ source, references, expiresAt }) => [source, String(references), momentText(expiresAt)]),
        ),
      );
    });
}
