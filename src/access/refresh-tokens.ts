import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { deleteExpiredRefreshTokens, findRefreshToken, insertRefreshToken } from '#metadata/refresh-tokens.ts';
import { findRobotCredential } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Identity } from './accounts.ts';
import { AuthenticationError } from './errors.ts';
import { isRobotName } from './subject.ts';

/**
 * Tokens that clients keep instead of a password (Docker's "identity token"). They are random, not signed: only their
 * hash is stored, and a row that is gone is a token that is worth nothing.
 */
export interface RefreshTokens {
  /** For users and robots; undefined for whoever has no account here to come back to. */
  issue(identity: Identity): Promise<string | undefined>;
  /** @throws {AuthenticationError} token */
  redeem(token: string): Promise<Identity>;
  /** Forgets the expired; says in a few words what it did. */
  sweep(): Promise<string>;
}

export interface RefreshTokensContext {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly lifetimeMs: number;
}

const FORM = /^ghrt_(?<id>[A-Za-z0-9_-]{16})(?<secret>[A-Za-z0-9_-]{43})$/;

export function openRefreshTokens({ metadata, clock, lifetimeMs }: RefreshTokensContext): RefreshTokens {
  return {
    async issue({ principal, stamp }) {
      if (principal.kind !== 'user' && principal.kind !== 'robot') return undefined;
      const id = randomBytes(12).toString('base64url');
      const secret = randomBytes(32).toString('base64url');
      const createdAt = clock();
      const row = { id, secretHash: hashOf(secret), subject: principal.name, stamp, createdAt };
      await metadata.transaction((inside) => insertRefreshToken(inside, { ...row, expiresAt: createdAt + lifetimeMs }));
      return `ghrt_${id}${secret}`;
    },

    async redeem(token) {
      const { id = '', secret = '' } = FORM.exec(token)?.groups ?? {};
      const row = id === '' ? undefined : await findRefreshToken(metadata, id);
      const isRight = row !== undefined && timingSafeEqual(Buffer.from(row.secretHash), Buffer.from(hashOf(secret)));
      if (!isRight || row.expiresAt <= clock()) throw new AuthenticationError('token', 'no such refresh token');
      const identity = { stamp: row.stamp, groups: [] };
      if (!isRobotName(row.subject)) return { ...identity, principal: { name: row.subject, kind: 'user' } };
      // What is bought with it must not outlive the robot.
      const expiresAt = (await findRobotCredential(metadata, row.subject))?.expiresAt ?? undefined;
      return { ...identity, principal: { name: row.subject, kind: 'robot' }, expiresAt };
    },

    async sweep() {
      const count = await metadata.transaction((inside) => deleteExpiredRefreshTokens(inside, clock()));
      return `${count} refresh tokens forgotten`;
    },
  };
}

/** 256 random bits need no slow hash: there is nothing to guess at. */
function hashOf(secret: string): string {
  return hash('sha256', secret, 'hex');
}
