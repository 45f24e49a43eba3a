import type { Digest } from '#oci/digest.ts';
import { type Sql, sql } from './sql.ts';

/** An OpenPGP signature as podman and skopeo make them. */
export interface SimpleSignature {
  readonly name: string;
  /** Base64 of the message. */
  readonly content: string;
}

/** Signatures of a manifest, in the order in which they came. */
export async function simpleSignaturesOf(
  database: Sql,
  repository: string,
  digest: Digest,
): Promise<SimpleSignature[]> {
  return await database.all<SimpleSignature>(sql`
    select name as "name", content as "content" from simple_signatures
    where repository = ${repository} and digest = ${digest} order by position`);
}

/** Adds a signature behind those that are there; returns false when there is one of that name. */
export async function addSimpleSignature(
  database: Sql,
  signature: SimpleSignature & { repository: string; digest: Digest; by: string },
  now: number,
): Promise<boolean> {
  const { repository, digest } = signature;
  const rows = await database.all(sql`
    insert into simple_signatures (repository, digest, position, name, content, added_at, added_by)
    values (${repository}, ${digest},
      (select coalesce(max(position), 0) + 1 from simple_signatures
        where repository = ${repository} and digest = ${digest}),
      ${signature.name}, ${signature.content}, ${now}, ${signature.by})
    on conflict (repository, digest, name) do nothing returning position`);
  return rows.length === 1;
}

/** Forgets the signatures of a manifest. */
export async function deleteSimpleSignatures(database: Sql, repository: string, digest: Digest): Promise<void> {
  await database.all(sql`delete from simple_signatures where repository = ${repository} and digest = ${digest}`);
}
