/** Whether a kind of event fits one of the globs; `*` stands for anything, dots too. */
export function kindMatcher(globs: readonly string[]): (kind: string) => boolean {
  return matcher(globs, '.*');
}

/**
 * Whether the name of a repository fits one of the globs: `**` stands for anything, `*` for one component of the name.
 * The empty name, of what belongs to no repository, fits `**` alone.
 */
export function repositoryMatcher(globs: readonly string[]): (name: string) => boolean {
  return matcher(globs, '[^/]+');
}

function matcher(globs: readonly string[], star: string): (text: string) => boolean {
  const expressions = globs.map((glob) => {
    const parts = glob.split(/(\*\*|\*)/).map((part) => {
      if (part === '**') return '.*';
      return part === '*' ? star : part.replace(/[^a-z0-9]/g, String.raw`\$&`);
    });
    return new RegExp(`^${parts.join('')}$`);
  });
  return (text) => expressions.some((expression) => expression.test(text));
}
