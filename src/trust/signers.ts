import type { Signer } from './testimony.ts';

/** Somebody, under every name and id that signatures show. */
export interface Person {
  readonly name: string;
  readonly ids: ReadonlySet<string>;
}

/**
 * Who is who: two signers are the same when they share an id, or each shares one with a third. Somebody without an id
 * cannot be told from others and is left out. The name is the first that was seen.
 */
export function peopleOf(signers: readonly Signer[]): Person[] {
  const people: { name: string; ids: Set<string> }[] = [];
  for (const { name, ids } of signers) {
    if (ids.length === 0) continue;
    const same = people.filter((person) => ids.some((id) => person.ids.has(id)));
    const [first] = same;
    if (first === undefined) {
      people.push({ name, ids: new Set(ids) });
      continue;
    }
    for (const id of [...ids, ...same.flatMap((person) => [...person.ids])]) first.ids.add(id);
    for (const other of same.slice(1)) people.splice(people.indexOf(other), 1);
  }
  return people;
}
