import { z } from 'zod';
import type { Operation } from './operation.ts';
import { departed, lifetime, moment, name, role, scope } from './values.ts';

const MANAGED = { permission: 'grant', on: 'robot' } as const;

const robotName = name.describe('with or without robot+ in front');

const robot = z.strictObject({
  name,
  scope: scope.describe('bounds whatever roles it is given'),
  description: z.string(),
  createdAt: moment,
  createdBy: z.string(),
  rotatedAt: moment.describe('when its secret was last made'),
  expiresAt: moment.nullable(),
  disabledAt: moment.nullable(),
});

const secret = z.strictObject({
  name,
  secret: z.string().describe('its password; shown this once'),
  expiresAt: moment.nullable(),
});

/** Service accounts. */
export const robotOperations = {
  listRobots: {
    method: 'GET',
    path: '/api/v1/robots',
    summary: 'The robots that the caller may manage.',
    tag: 'robots',
    requires: 'authenticated',
    input: z.strictObject({}),
    output: z.strictObject({ robots: z.array(robot) }),
    status: 200,
  },
  createRobot: {
    method: 'POST',
    path: '/api/v1/robots',
    summary: 'Creates a robot and shows its secret once.',
    tag: 'robots',
    requires: { permission: 'grant', on: 'scope' },
    input: z.strictObject({
      name: robotName,
      scope: scope.describe('bounds whatever roles it is given'),
      role: role.optional().describe('given in the scope of the robot'),
      description: z.string().max(500).optional(),
      expiresIn: lifetime.optional().describe('a duration such as 90d; never when left out'),
    }),
    output: secret,
    status: 201,
  },
  rotateRobot: {
    method: 'POST',
    path: '/api/v1/robots/{name}/rotate',
    summary: 'Makes a new secret and shows it once; the old one stops working at once.',
    tag: 'robots',
    requires: MANAGED,
    input: z.strictObject({
      name: robotName,
      expiresIn: lifetime.optional().describe('a duration such as 90d, or never; as before when left out'),
    }),
    output: secret,
    status: 200,
  },
  disableRobot: {
    method: 'POST',
    path: '/api/v1/robots/{name}/disable',
    summary: 'Keeps a robot out until it is enabled.',
    tag: 'robots',
    requires: MANAGED,
    input: z.strictObject({ name: robotName }),
    output: robot,
    status: 200,
  },
  enableRobot: {
    method: 'POST',
    path: '/api/v1/robots/{name}/enable',
    summary: 'Lets a robot in again.',
    tag: 'robots',
    requires: MANAGED,
    input: z.strictObject({ name: robotName }),
    output: robot,
    status: 200,
  },
  deleteRobot: {
    method: 'DELETE',
    path: '/api/v1/robots/{name}',
    summary: 'Deletes a robot, with its roles and memberships.',
    tag: 'robots',
    requires: MANAGED,
    input: z.strictObject({ name: robotName }),
    output: departed,
    status: 200,
  },
} as const satisfies Record<string, Operation>;
