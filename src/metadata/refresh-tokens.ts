import { type Sql, first, sql } from './sql.ts';

/** A token that a client keeps instead of a password. Times are milliseconds since the epoch. */
export interface RefreshToken {
  readonly id: string;
  readonly secretHash: string;
  readonly subject: string;
  /** Of the credential it was bought with: with another password it is worth nothing. */
  readonly stamp: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export async function insertRefreshToken(database: Sql, token: RefreshToken): Promise<void> {
  await database.all(sql`
    insert into refresh_tokens (id, secret_hash, subject, stamp, created_at, expires_at)
    values (${token.id}, ${token.secretHash}, ${token.subject}, ${token.stamp}, ${token.createdAt}, ${token.expiresAt})`);
}

export async function findRefreshToken(database: Sql, id: string): Promise<RefreshToken | undefined> {
  return await first<RefreshToken>(
    database,
    sql`
    select id as "id", secret_hash as "secretHash", subject as "subject", stamp as "stamp", created_at as "createdAt",
      expires_at as "expiresAt"
    from refresh_tokens where id = ${id}`,
  );
}

/** Takes back every token somebody keeps. */
export async function deleteRefreshTokensOf(database: Sql, subject: string): Promise<void> {
  await database.all(sql`delete from refresh_tokens where subject = ${subject}`);
}

/** Forgets tokens that expired before the moment; returns how many. */
export async function deleteExpiredRefreshTokens(database: Sql, moment: number): Promise<number> {
  const rows = await database.all(sql`delete from refresh_tokens where expires_at <= ${moment} returning id`);
  return rows.length;
}
