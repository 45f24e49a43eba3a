import type { Administration } from '#api/operations.ts';
import { deleteRefreshTokensOf } from '#metadata/refresh-tokens.ts';
import { createUser, deleteUser, findPasswordHash, listUsers, setPassword } from '#metadata/users.ts';
import { keepingAdministrator } from './administrators.ts';
import { type AdministrationContext, type Change, change, momentOf } from './change.ts';
import { checkLocalName } from './checks.ts';
import { takeBack } from './departure.ts';
import { AccessError } from './errors.ts';
import { parseHtpasswd } from './htpasswd.ts';
import { hashPassword, verifyPassword } from './password.ts';
import { EVERYWHERE } from './scope.ts';
import type { Caller } from './session.ts';
import { unknownUser } from './subjects.ts';

/** The people and machines that come in with a password. */
export function userAdministration(
  context: AdministrationContext,
  caller: Caller,
): Pick<Administration, 'listUsers' | 'createUser' | 'setPassword' | 'deleteUser' | 'importUsers'> {
  return {
    async listUsers() {
      const users = await listUsers(context.metadata);
      return {
        users: users.map(({ name, createdAt, updatedAt }) => ({
          name,
          createdAt: momentOf(createdAt),
          passwordSetAt: momentOf(updatedAt),
        })),
      };
    },

    async createUser({ name, password }) {
      checkLocalName('user', name);
      const user = { name, passwordHash: await hashPassword(password) };
      await change(context, caller, async (one) => {
        if (await addUser(one, user)) return;
        throw new AccessError('user-exists', `there is already a user ${name}`);
      });
      return { name };
    },

    async setPassword({ name, password, currentPassword }) {
      await checkCurrent(context, caller, { name, currentPassword });
      const user = { name, passwordHash: await hashPassword(password) };
      await change(context, caller, async (one) => {
        if (!(await replacePassword(one, user))) throw unknownUser(name);
      });
      return { name };
    },

    async deleteUser({ name }) {
      const taken = await change(context, caller, (one) =>
        keepingAdministrator(one, async () => {
          if (!(await deleteUser(one.sql, name))) throw unknownUser(name);
          await one.record({ kind: 'user.delete', reference: name });
          return await takeBack(one, name);
        }),
      );
      return { name, ...taken };
    },

    async importUsers({ htpasswd, replace = false }) {
      const { entries, problems } = parseHtpasswd(htpasswd);
      const imported: string[] = [];
      const replaced: string[] = [];
      const skipped = [...problems];
      await change(context, caller, async (one) => {
        for (const { name, hash } of entries) {
          const user = { name, passwordHash: hash };
          if (await addUser(one, user, 'htpasswd')) imported.push(name);
          else if (replace && (await replacePassword(one, user, 'htpasswd'))) replaced.push(name);
          else skipped.push({ line: lineOf(htpasswd, name), problem: `there is already a user ${name}` });
        }
      });
      return { imported, replaced, skipped: skipped.toSorted((one, other) => one.line - other.line) };
    },
  };
}

interface NewUser {
  readonly name: string;
  readonly passwordHash: string;
}

/** @param source where the password came from, when nobody typed it; @returns false when there is such a user */
async function addUser({ sql, now, record }: Change, user: NewUser, source?: string): Promise<boolean> {
  if (!(await createUser(sql, user, now))) return false;
  await record({ kind: 'user.create', reference: user.name, ...(source === undefined ? {} : { detail: { source } }) });
  return true;
}

/** Whoever was logged in with the old password is out. */
async function replacePassword({ sql, now, record }: Change, user: NewUser, source?: string): Promise<boolean> {
  if (!(await setPassword(sql, user, now))) return false;
  await deleteRefreshTokensOf(sql, user.name);
  await record({
    kind: 'user.password',
    reference: user.name,
    ...(source === undefined ? {} : { detail: { source } }),
  });
  return true;
}

/**
 * Who changes their own password proves that they know it: a terminal left alone, or a token that leaked, must not be
 * enough to keep its owner out.
 */
async function checkCurrent(
  { metadata, throttle }: AdministrationContext,
  { session, origin }: Caller,
  { name, currentPassword }: { name: string; currentPassword: string | undefined },
): Promise<void> {
  if (session.holds('system', EVERYWHERE)) return;
  const stored = await findPasswordHash(metadata, name);
  if (stored === undefined) throw unknownUser(name);
  if (currentPassword === undefined) {
    throw new AccessError('denied', 'expected currentPassword: your own password is changed only with it');
  }
  await throttle.wait(name, origin.address);
  if (!(await verifyPassword(currentPassword, stored))) {
    throttle.failed(name, origin.address);
    throw new AccessError('denied', 'the current password is another one');
  }
  throttle.succeeded(name);
}

/** The line, counted from one, that a name stands in: the last, as that is the one that counts. */
function lineOf(htpasswd: string, name: string): number {
  return (
    htpasswd.split('\n').findLastIndex((line) =>
      line
        .trim()
        .replace(/^\uFEFF/, '')
        .startsWith(`${name}:`),
    ) + 1
  );
}
