import { fitsStars } from '#base/glob.ts';

/** Whether a kind of event fits one of the globs; `*` stands for anything, dots too. */
export function kindMatcher(globs: readonly string[]): (kind: string) => boolean {
  return (kind) => globs.some((glob) => fitsStars(glob, kind));
}

/**
 * Whether the name of a repository fits one of the globs: `**` stands for anything, `*` for anything but /.
 * The empty name, of what belongs to no repository, fits `**` alone.
 */
export function repositoryMatcher(globs: readonly string[]): (name: string) => boolean {
  return (name) => (name === '' ? globs.includes('**') : globs.some((glob) => fitsStars(glob, name)));
}
