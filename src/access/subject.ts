/** Who a grant is for. Robots, workloads and certificates are users whose names say what they are. */
export interface Subject {
  readonly kind: 'user' | 'group';
  readonly name: string;
}

/** A request that proved nothing. */
export const ANONYMOUS = 'system:anonymous';
/** The group of everybody who proved to be somebody. */
export const AUTHENTICATED = 'system:authenticated';
/** The command line on the server itself, which reads and writes the data directly. */
export const LOCAL = 'system:local';

/** What the name of a robot begins with. No user's name holds a plus. */
export const ROBOT_PREFIX = 'robot+';
/** What the name of a client certificate's identity begins with. */
export const CERTIFICATE_PREFIX = 'cert:';

const LOCAL_NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/;
// What is vouched for from outside: a prefix of our making, then whatever the claim or the certificate says.
const FOREIGN_NAME = /^[a-z0-9][a-z0-9-]*:[!-~](?:[ -~]{0,510}[!-~])?$/;

/** Whether a user or group kept here may have that name. */
export function isLocalName(text: string): boolean {
  return LOCAL_NAME.test(text);
}

export function isRobotName(text: string): boolean {
  return text.startsWith(ROBOT_PREFIX) && isLocalName(text.slice(ROBOT_PREFIX.length));
}

/** Whether a grant can be for that name: local, a robot, or vouched for from outside. */
export function isSubjectName(text: string): boolean {
  return isLocalName(text) || isRobotName(text) || FOREIGN_NAME.test(text);
}

/**
 * The subject that was meant: the two groups everybody belongs to are groups, whichever way they are spoken of.
 */
export function subjectOf(kind: Subject['kind'], name: string): Subject {
  return { kind: name === ANONYMOUS || name === AUTHENTICATED ? 'group' : kind, name };
}
