import type { Administration, Output } from '#api/operations.ts';
import { deleteRefreshTokensOf } from '#metadata/refresh-tokens.ts';
import {
  type Robot,
  deleteRobot,
  insertRobot,
  listRobots,
  setRobotDisabled,
  setRobotSecret,
} from '#metadata/robots.ts';
import { type AdministrationContext, type Change, change, momentOf } from './change.ts';
import { checkScope, endOf, robotNameOf } from './checks.ts';
import { takeBack } from './departure.ts';
import { AccessError } from './errors.ts';
import { checkGrantable, giveRole } from './grant-administration.ts';
import { managedRobot } from './robots.ts';
import { hashSecret, newRobotSecret } from './secret.ts';
import type { Caller } from './session.ts';

type RobotOperation = 'listRobots' | 'createRobot' | 'rotateRobot' | 'disableRobot' | 'enableRobot' | 'deleteRobot';

/** Service accounts. Whoever may give roles in the scope of a robot manages it. */
export function robotAdministration(
  context: AdministrationContext,
  caller: Caller,
): Pick<Administration, RobotOperation> {
  /** Changes a robot that the caller may manage, looked at in the same transaction. */
  const changeRobot = async <T>(text: string, work: (one: Change, robot: Robot) => Promise<T>): Promise<T> =>
    await change(context, caller, async (one) => work(one, await managedRobot(one.sql, caller, robotNameOf(text))));

  const setDisabled = async (text: string, isDisabled: boolean): Promise<Output<'disableRobot'>> =>
    await changeRobot(text, async ({ sql, now, record }, robot) => {
      // Doing it twice changes nothing, and leaves the moment of the first time.
      if ((robot.disabledAt !== null) === isDisabled) return shown(robot);
      const disabledAt = isDisabled ? now : null;
      await setRobotDisabled(sql, robot.name, disabledAt);
      if (isDisabled) await deleteRefreshTokensOf(sql, robot.name);
      await record({ kind: isDisabled ? 'robot.disable' : 'robot.enable', ...about(robot) });
      return shown({ ...robot, disabledAt });
    });

  return {
    async listRobots() {
      const robots = await listRobots(context.metadata);
      return { robots: robots.filter(({ scope }) => caller.session.holds('grant', scope)).map(shown) };
    },

    async createRobot({ name: text, scope, role, description = '', expiresIn = 'never' }) {
      const name = robotNameOf(text);
      checkScope(scope);
      if (role !== undefined) checkGrantable(caller.session, role, scope);
      const secret = newRobotSecret();
      const expiresAt = await change(context, caller, async (one) => {
        const { now, by, record } = one;
        const expires = endOf(expiresIn, now);
        const times = { createdAt: now, createdBy: by, rotatedAt: now, expiresAt: expires, disabledAt: null };
        const robot = { name, scope, description, secretHash: hashSecret(secret), ...times };
        if (!(await insertRobot(one.sql, robot))) {
          throw new AccessError('robot-exists', `there is already a robot ${name}`);
        }
        await record({ kind: 'robot.create', ...about(robot) });
        if (role !== undefined) await giveRole(one, { kind: 'user', subject: name, role, scope });
        return expires;
      });
      return { name, secret, expiresAt: momentOrNull(expiresAt) };
    },

    async rotateRobot({ name: text, expiresIn }) {
      const secret = newRobotSecret();
      return await changeRobot(text, async ({ sql, now, record }, robot) => {
        const expiresAt = expiresIn === undefined ? robot.expiresAt : endOf(expiresIn, now);
        if (expiresAt !== null && expiresAt <= now) {
          throw new AccessError('invalid', `${robot.name} has expired: say in expiresIn how long it is to live on`);
        }
        await setRobotSecret(sql, { name: robot.name, secretHash: hashSecret(secret), expiresAt }, now);
        await deleteRefreshTokensOf(sql, robot.name);
        await record({ kind: 'robot.rotate', ...about({ ...robot, expiresAt }) });
        return { name: robot.name, secret, expiresAt: momentOrNull(expiresAt) };
      });
    },

    disableRobot: ({ name }) => setDisabled(name, true),

    enableRobot: ({ name }) => setDisabled(name, false),

    deleteRobot: ({ name: text }) =>
      changeRobot(text, async (one, robot) => {
        await deleteRobot(one.sql, robot.name);
        await one.record({ kind: 'robot.delete', ...about(robot) });
        return { name: robot.name, ...(await takeBack(one, robot.name)) };
      }),
  };
}

function about({ name, scope, expiresAt }: Pick<Robot, 'name' | 'scope' | 'expiresAt'>) {
  return { reference: name, detail: { scope, expiresAt: momentOrNull(expiresAt) } };
}

function shown(robot: Robot): Output<'disableRobot'> {
  return {
    ...robot,
    createdAt: momentOf(robot.createdAt),
    rotatedAt: momentOf(robot.rotatedAt),
    expiresAt: momentOrNull(robot.expiresAt),
    disabledAt: momentOrNull(robot.disabledAt),
  };
}

function momentOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : momentOf(milliseconds);
}
