import { createHash } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import type { Role } from '#access/permissions.ts';
import { subjectOf } from '#access/subject.ts';
import { openUsers } from '#access/users.ts';
import { deleteGrant, insertGrant } from '#metadata/grants.ts';
import { openMetadata } from '#metadata/open.ts';
import { insertRobot, setRobotDisabled } from '#metadata/robots.ts';
import type { Sql } from '#metadata/sql.ts';
import type { Login } from './clients.ts';
import type { Scene } from './e2e-scene.ts';

/** A role, and the scope it holds in. */
export type Given = readonly [role: Role, scope: string];

/** Whoever may do something at a scene's registry; every change is made as another process on the same database makes it. */
export interface People {
  /** Somebody nobody else is, with these roles and no other. */
  aUser(...given: Given[]): Promise<Login>;
  /** A service account that nothing bounds but these roles. */
  aRobot(name: string, ...given: Given[]): Promise<Login>;
  grant(name: string, ...given: Given[]): Promise<void>;
  revoke(name: string, ...given: Given[]): Promise<void>;
  disableRobot(name: string): Promise<void>;
  setPassword(name: string, password: string): Promise<void>;
}

/** For the body of a `describe`, after the scene. */
export function usePeople(scene: Pick<Scene, 'database'>): People {
  let opened: Sql | undefined;
  let count = 0;
  beforeAll(async () => {
    opened = await openMetadata('sqlite', { path: scene.database });
  });
  afterAll(() => opened?.close());
  const metadata = (): Sql => {
    if (opened === undefined) throw new Error('expected a database, found none: people come after their scene');
    return opened;
  };
  const users = () => openUsers({ metadata: metadata(), clock: Date.now });
  const keyOf = (name: string, [role, scope]: Given) => {
    const { kind, name: subject } = subjectOf('user', name);
    return { kind, subject, role, scope };
  };
  const grant: People['grant'] = async (name, ...given) => {
    await metadata().transaction(async (inside) => {
      for (const one of given) await insertGrant(inside, keyOf(name, one), 'test', Date.now());
    });
  };
  return {
    grant,
    async aUser(...given) {
      count += 1;
      const login = { name: `user-${count}`, password: `password of user ${count}` };
      await users().create(login.name, login.password);
      await grant(login.name, ...given);
      return login;
    },
    async aRobot(name, ...given) {
      const login = { name: `robot+${name}`, password: `secret of ${name}` };
      await metadata().transaction((inside) => insertRobot(inside, robotOf(login)));
      await grant(login.name, ...given);
      return login;
    },
    async revoke(name, ...given) {
      await metadata().transaction(async (inside) => {
        for (const one of given) await deleteGrant(inside, keyOf(name, one));
      });
    },
    async disableRobot(name) {
      await metadata().transaction((inside) => setRobotDisabled(inside, name, Date.now()));
    },
    setPassword: (name, password) => users().setPassword(name, password),
  };
}

function robotOf({ name, password }: Login) {
  const now = Date.now();
  return {
    name,
    secretHash: createHash('sha256').update(password).digest('hex'),
    scope: '*',
    description: '',
    createdAt: now,
    createdBy: 'test',
    rotatedAt: now,
    expiresAt: null,
    disabledAt: null,
  };
}
