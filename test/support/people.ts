import { hash } from 'node:crypto';
import { join } from 'node:path';
import type { Role } from '#access/permissions.ts';
import { openUsers } from '#access/users.ts';
import { loadConfig } from '#config/load.ts';
import { type GrantKey, deleteGrant, insertGrant } from '#metadata/grants.ts';
import { openMetadata } from '#metadata/open.ts';
import { insertRobot } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import { openInstallation } from '../../src/app.ts';
import { type Answer, call } from './client.ts';
import type { Gatehouse } from './gatehouse.ts';

/** A role and where it holds, as `registry-viewer team-a/` says it. */
export type GrantText = `${Role} ${string}`;

/** Whoever may come in to a Gatehouse that runs, written to its database as another process would. */
export interface People extends AsyncDisposable {
  /** The database, opened a second time. */
  readonly metadata: Sql;
  /** A robot with these grants; returns its `Authorization` header. Its secret costs nothing to check, so there may be many. */
  robot(name: string, grants?: readonly GrantText[], fields?: { expiresAt?: number; scope?: string }): Promise<string>;
  /** A user with these grants; returns the `Authorization` header. */
  user(name: string, password: string, grants?: readonly GrantText[]): Promise<string>;
  grant(kind: 'user' | 'group', subject: string, grants: readonly GrantText[]): Promise<void>;
  revoke(kind: 'user' | 'group', subject: string, grants: readonly GrantText[]): Promise<void>;
}

export async function openPeople({ folder }: Gatehouse): Promise<People> {
  const metadata = await openMetadata('sqlite', { path: join(folder, 'gatehouse.sqlite') });
  const users = openUsers({ metadata, clock: Date.now });
  const grant: People['grant'] = (kind, subject, grants) =>
    metadata.transaction(async (inside) => {
      for (const text of grants) await insertGrant(inside, keyOf(kind, subject, text), 'test', 1);
    });
  return {
    metadata,
    grant,
    revoke: (kind, subject, grants) =>
      metadata.transaction(async (inside) => {
        for (const text of grants) await deleteGrant(inside, keyOf(kind, subject, text));
      }),
    async robot(name, grants = [], { expiresAt, scope = '*' } = {}) {
      const subject = `robot+${name}`;
      await metadata.transaction((inside) => robotRow(inside, subject, { expiresAt, scope, secret: secretOf(name) }));
      await grant('user', subject, grants);
      return basicOf(subject, secretOf(name));
    },
    async user(name, password, grants = []) {
      await users.create(name, password);
      await grant('user', name, grants);
      return basicOf(name, password);
    },
    [Symbol.asyncDispose]: () => metadata.close(),
  };
}

/** Makes a robot, without any grant. */
export async function robotRow(
  metadata: Sql,
  name: string,
  { scope = '*', expiresAt, secret = 'a secret' }: { scope?: string; expiresAt?: number | undefined; secret?: string },
): Promise<void> {
  const row = { name, scope, description: '', createdAt: 1, createdBy: 'test', rotatedAt: 1 };
  const rest = { expiresAt: expiresAt ?? null, disabledAt: null, secretHash: hash('sha256', secret) };
  await insertRobot(metadata, { ...row, ...rest });
}

/** The secret that {@link People.robot} gives a robot. */
export function secretOf(name: string): string {
  return `secret of ${name}`;
}

export function basicOf(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

function keyOf(kind: 'user' | 'group', subject: string, text: GrantText): GrantKey {
  const [role = '', scope = ''] = text.split(' ');
  return { kind, subject, role, scope };
}

/** Headers for a call as somebody: nobody when there is no `Authorization`. */
export function as(authorization: string | undefined): { anonymous: true; headers: Record<string, string> } {
  return { anonymous: true, headers: authorization === undefined ? {} : { authorization } };
}

/** `GET /token`, as a client asks for these scopes. */
export async function askToken(
  url: string,
  authorization: string | undefined,
  scopes: readonly string[],
  more: Record<string, string> = {},
): Promise<Answer> {
  const pairs = [...scopes.map((scope): [string, string] => ['scope', scope]), ...Object.entries(more)];
  const query = new URLSearchParams(pairs);
  return await call(url, { method: 'GET', path: `/token?${query.toString()}`, ...as(authorization) });
}

/** `POST /token` with a form. */
export async function postToken(url: string, fields: readonly (readonly [string, string])[]): Promise<Answer> {
  const body = new URLSearchParams(fields.map(([name, value]): [string, string] => [name, value])).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return await call(url, { method: 'POST', path: '/token', headers, body, anonymous: true });
}

/** The token of an answer, as an `Authorization` header. @throws {Error} there is none */
export function bearerOf({ status, text, json }: Answer): string {
  const token = fieldOf(json, 'access_token');
  if (status !== 200 || token === '') throw new Error(`expected a token, found ${status} ${text}`);
  return `Bearer ${token}`;
}

/** The parameters of a challenge, and its `scheme`. */
export function challengeIn({ headers }: Answer): Record<string, string> {
  const { scheme = '', rest = '' } =
    /^(?<scheme>\w+) (?<rest>.*)$/.exec(headers['www-authenticate'] ?? '')?.groups ?? {};
  const pairs = Array.from(rest.matchAll(/([a-z]+)="([^"]*)"(?:,|$)/g), (match) => [match[1], match[2]]);
  return { scheme, ...Object.fromEntries(pairs) };
}

/** A text field of a JSON object; empty when there is none. */
export function fieldOf(json: unknown, name: string): string {
  const fields = typeof json === 'object' && json !== null ? Object.entries(json) : [];
  const value: unknown = fields.find(([field]) => field === name)?.[1];
  return typeof value === 'string' ? value : '';
}

/** What a token says it is good for, as `repository:a:pull,push` one by one. */
export function accessIn(authorization: string): string[] {
  const payload: unknown = JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString());
  const access = typeof payload === 'object' && payload !== null && 'access' in payload ? payload.access : [];
  if (!Array.isArray(access)) return [];
  return access.map(
    (one: { type: string; name: string; actions: string[] }) => `${one.type}:${one.name}:${one.actions.join(',')}`,
  );
}

/** A server of its own over the data of another, as a second node is. */
export async function startElsewhere({
  configFile,
}: Gatehouse): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const installation = await openInstallation(await loadConfig({ file: configFile, environment: {} }));
  const server = await installation.serve();
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await installation.close();
    },
  };
}
