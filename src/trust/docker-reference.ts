/**
 * The repository of a `docker-reference` in a signed payload, without host, tag and digest; undefined when it names none.
 *
 * The payload does not say where its host ends. As every client of Docker's names does, a first component counts as a host
 * when it has a dot or a colon or is `localhost`. What is no repository at all is returned as it is: it equals none, while
 * undefined would fit every one.
 */
export function repositoryOf(dockerReference: string): string | undefined {
  if (dockerReference === '') return undefined;
  const [name = ''] = dockerReference.split('@', 1);
  const slash = name.indexOf('/');
  const host = name.slice(0, Math.max(slash, 0));
  const path = /[.:]/.test(host) || host === 'localhost' ? name.slice(slash + 1) : name;
  return path.replace(/:[^/:]*$/, '') || dockerReference;
}
