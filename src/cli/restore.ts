import { Command } from 'commander';
import type { Output } from '#api/operations.ts';
import { type AdministrationFlags, addAdministrationFlags, withAdministration } from './administration.ts';
import { readReference } from './image-reference.ts';
import { printAnswer } from './output.ts';

/** `gatehouse restore`: brings back what was deleted or pruned. */
export function restoreCommand(): Command {
  const command = new Command('restore')
    .description('bring back a tag, or a manifest with the tags it went with; with its children and its signatures')
    .argument('<image>', 'such as team-a/app:1.3 or team-a/app@sha256:…');
  return addAdministrationFlags(command)
    .addHelpText(
      'after',
      '\nWhat was deleted or pruned can be restored until retention.undoWindow is over.' +
        '\n\nExample:\n  gatehouse restore team-a/app:1.3',
    )
    .action(async (reference: string, flags: AdministrationFlags) => {
      const image = readReference(reference);
      const answer = await withAdministration(flags, (administration) => administration.restore(image));
      printAnswer(flags, answer, broughtBackText);
    });
}

/** What is here again, for people. */
export function broughtBackText({ repository, digest, manifests, tags, held }: Output<'restore'>): string {
  const back = manifests.map((manifest) => `brought back ${repository}@${manifest}`);
  const set = tags.map((tag) => `${repository}:${tag} points at ${digest}`);
  const waiting = held.map(
    (tag) => `${repository}:${tag} is held until somebody trusted has signed ${digest}; see gatehouse trust explain`,
  );
  return [...back, ...set, ...waiting].join('\n');
}
