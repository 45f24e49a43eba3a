import { randomSecret } from '#base/secret.ts';
import type { Sql } from '#metadata/sql.ts';
import { type User, createUser, hasUsers, listUsers } from '#metadata/users.ts';
import { LOCAL_CALLER } from './administration.ts';
import { type AdministrationContext, change } from './change.ts';
import { giveRole } from './grant-administration.ts';
import { hashPassword } from './password.ts';
import { EVERYWHERE } from './scope.ts';
import { openThrottle } from './throttle.ts';
import { userAdministration } from './user-administration.ts';

/** The people and machines that may come in, as the server itself handles them. */
export interface Users {
  /** @throws {AccessError} user-exists, name-invalid, password-invalid */
  create(name: string, password: string): Promise<void>;
  /** In byte order of their names. */
  list(): Promise<User[]>;
  /**
   * The old password stops working with the next request, on every process.
   *
   * @throws {AccessError} user-unknown, password-invalid
   */
  setPassword(name: string, password: string): Promise<void>;
  /** @throws {AccessError} user-unknown */
  remove(name: string): Promise<void>;
  /**
   * Creates `admin` when there is no user at all, with the password given or a random one.
   *
   * @returns the password if it was made here: the only time it can be read
   * @throws {AccessError} password-invalid
   */
  ensureAdmin(password: string | undefined): Promise<string | undefined>;
}

/** What users are kept in. */
export interface UsersContext {
  readonly metadata: Sql;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export function openUsers({ metadata, clock }: UsersContext): Users {
  const context: AdministrationContext = { metadata, clock, note: () => undefined, throttle: openThrottle() };
  const administration = userAdministration(context, LOCAL_CALLER);
  return {
    async create(name, password) {
      await administration.createUser({ name, password });
    },

    list: () => listUsers(metadata),

    async setPassword(name, password) {
      await administration.setPassword({ name, password });
    },

    async remove(name) {
      await administration.deleteUser({ name });
    },

    async ensureAdmin(given) {
      if (await hasUsers(metadata)) return undefined;
      const password = given ?? randomSecret();
      const user = { name: 'admin', passwordHash: await hashPassword(password) };
      const created = await change(context, LOCAL_CALLER, async (one) => {
        // Asked again inside: another node may start on the same database at the same moment.
        if ((await hasUsers(one.sql)) || !(await createUser(one.sql, user, one.now))) return false;
        await one.record({ kind: 'user.create', reference: user.name });
        await giveRole(one, { kind: 'user', subject: user.name, role: 'system-admin', scope: EVERYWHERE });
        return true;
      });
      return created && given === undefined ? password : undefined;
    },
  };
}
