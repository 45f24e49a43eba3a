import { countAccessChange } from './access-state.ts';
import { type Sql, first, sql } from './sql.ts';

/** What a key is for. */
export type KeyPurpose = 'token' | 'certificate-authority' | 'server-certificate';

/** A private key that all nodes share. */
export interface KeyRow {
  readonly id: string;
  readonly purpose: KeyPurpose;
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** PEM; null for keys without one. */
  readonly certificate: string | null;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Until when what it signed is to be believed, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

export async function insertKey(database: Sql, key: KeyRow): Promise<void> {
  await database.all(sql`
    insert into keys (id, purpose, private_key, certificate, created_at, expires_at)
    values (${key.id}, ${key.purpose}, ${key.privateKey}, ${key.certificate}, ${key.createdAt}, ${key.expiresAt})`);
}

/** Takes every key of that purpose back; what they signed is believed no longer. */
export async function deleteKeys(database: Sql, purpose: KeyPurpose): Promise<void> {
  await database.all(sql`delete from keys where purpose = ${purpose}`);
  await countAccessChange(database);
}

/** Keys of that purpose that have not expired, the newest first. */
export async function findKeys(database: Sql, purpose: KeyPurpose, now: number): Promise<KeyRow[]> {
  return await database.all<KeyRow>(sql`
    select id as "id", purpose as "purpose", private_key as "privateKey", certificate as "certificate",
      created_at as "createdAt", expires_at as "expiresAt"
    from keys where purpose = ${purpose} and expires_at > ${now} order by created_at desc, id`);
}

export async function findKey(database: Sql, id: string): Promise<KeyRow | undefined> {
  return await first<KeyRow>(
    database,
    sql`
    select id as "id", purpose as "purpose", private_key as "privateKey", certificate as "certificate",
      created_at as "createdAt", expires_at as "expiresAt"
    from keys where id = ${id}`,
  );
}

/** Forgets keys of that purpose that expired before the moment; returns how many. */
export async function deleteExpiredKeys(database: Sql, purpose: KeyPurpose, moment: number): Promise<number> {
  const rows = await database.all(sql`
    delete from keys where purpose = ${purpose} and expires_at <= ${moment} returning id`);
  return rows.length;
}
