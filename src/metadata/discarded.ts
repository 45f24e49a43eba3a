import { type Sql, sql } from './sql.ts';

/** An object in storage that no fact speaks of any more. */
export interface DiscardedObject {
  readonly location: string;
  readonly sizeBytes: number;
}

/** Notes objects that are to be removed from storage. Safe to repeat. */
export async function discardObjects(database: Sql, objects: readonly DiscardedObject[]): Promise<void> {
  if (objects.length === 0) return;
  await database.all(sql`
    insert into discarded_objects (location, size_bytes)
    values ${objects.map(({ location, sizeBytes }) => [location, sizeBytes])} on conflict (location) do nothing`);
}

/** Objects that are to be removed, or that a crash kept from being noted as removed. */
export async function discardedObjects(database: Sql, limit: number): Promise<DiscardedObject[]> {
  return await database.all<DiscardedObject>(sql`
    select location as "location", size_bytes as "sizeBytes" from discarded_objects order by location limit ${limit}`);
}

/** Notes that objects are gone. */
export async function forgetDiscarded(database: Sql, locations: readonly string[]): Promise<void> {
  if (locations.length === 0) return;
  await database.all(sql`delete from discarded_objects where location in ${locations}`);
}
