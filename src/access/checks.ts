import { durationBetween } from '#base/duration.ts';
import { isName } from '#oci/name.ts';
import { AccessError } from './errors.ts';
import { isScope } from './scope.ts';
import { ROBOT_PREFIX, isLocalName, isRobotName } from './subject.ts';

/** @throws {AccessError} name-invalid */
export function checkLocalName(kind: 'user' | 'group', name: string): void {
  if (isLocalName(name)) return;
  const message = `expected a ${kind} name of 1 to 64 of a-z 0-9 . _ @ - that begins with a letter or digit, found ${JSON.stringify(name)}`;
  throw new AccessError('name-invalid', message);
}

/**
 * The full name of a robot, from one with or without `robot+` in front.
 *
 * @throws {AccessError} name-invalid
 */
export function robotNameOf(text: string): string {
  const name = text.startsWith(ROBOT_PREFIX) ? text : `${ROBOT_PREFIX}${text}`;
  if (isRobotName(name)) return name;
  const message = `expected a robot name of 1 to 64 of a-z 0-9 . _ @ - that begins with a letter or digit, found ${JSON.stringify(text)}`;
  throw new AccessError('name-invalid', message);
}

/** @throws {AccessError} invalid */
export function checkScope(scope: string): void {
  if (isScope(scope)) return;
  const message = `expected a scope: * for every repository, team-a/ for every one under team-a, or team-a/app; found ${JSON.stringify(scope)}`;
  throw new AccessError('invalid', message);
}

/** @throws {AccessError} invalid */
export function checkRepository(repository: string): void {
  if (isName(repository)) return;
  throw new AccessError('invalid', `expected the name of a repository, found ${JSON.stringify(repository)}`);
}

const LIFETIME = durationBetween('1m', '3650d');

/**
 * When something ends that begins now; null when never.
 *
 * @param text a duration from 1m to 3650d, or `never`
 * @throws {AccessError} invalid
 */
export function endOf(text: string, now: number): number | null {
  if (text === 'never') return null;
  const { data, error } = LIFETIME.safeParse(text, { reportInput: true });
  if (data !== undefined) return now + data;
  throw new AccessError('invalid', `expiresIn: ${error?.issues[0]?.message ?? 'expected a duration'}, or never`);
}
