import { randomSecret } from '#base/secret.ts';
import { insertGrant } from '#metadata/grants.ts';
import type { Sql } from '#metadata/sql.ts';
import { type User, createUser, deleteUser, hasUsers, listUsers, setPassword } from '#metadata/users.ts';
import { AccessError } from './errors.ts';
import { hashPassword } from './password.ts';
import { LOCAL } from './subject.ts';

/** The people and machines that may come in. */
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

const NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

export function openUsers({ metadata, clock }: UsersContext): Users {
  return {
    async create(name, password) {
      checkName(name);
      const user = { name, passwordHash: await hashPassword(password) };
      const created = await metadata.transaction((inside) => createUser(inside, user, clock()));
      if (!created) throw new AccessError('user-exists', `there is already a user ${name}`);
    },

    list: () => listUsers(metadata),

    async setPassword(name, password) {
      const user = { name, passwordHash: await hashPassword(password) };
      const changed = await metadata.transaction((inside) => setPassword(inside, user, clock()));
      if (!changed) throw unknown(name);
    },

    async remove(name) {
      const removed = await metadata.transaction((inside) => deleteUser(inside, name));
      if (!removed) throw unknown(name);
    },

    async ensureAdmin(given) {
      if (await hasUsers(metadata)) return undefined;
      const password = given ?? randomSecret();
      const user = { name: 'admin', passwordHash: await hashPassword(password) };
      // Asked again inside: another node may start on the same database at the same moment.
      const created = await metadata.transaction(
        async (inside) =>
          !(await hasUsers(inside)) &&
          (await createUser(inside, user, clock())) &&
          (await insertGrant(
            inside,
            { kind: 'user', subject: 'admin', role: 'system-admin', scope: '*' },
            LOCAL,
            clock(),
          )),
      );
      return created && given === undefined ? password : undefined;
    },
  };
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  const message = `expected a user name of 1 to 64 of a-z 0-9 . _ @ - that begins with a letter or digit, found ${JSON.stringify(name)}`;
  throw new AccessError('name-invalid', message);
}

function unknown(name: string): AccessError {
  return new AccessError('user-unknown', `there is no user ${JSON.stringify(name)}`);
}
