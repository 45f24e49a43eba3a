/**
 * Why an act on users, groups, robots and grants was refused.
 *
 * - `denied`: the caller lacks the permission
 * - `…-unknown`: there is none, or the caller may not know of it
 * - `last-administrator`: nobody kept here could administer the system any more
 * - `busy`: too many passwords wait to be checked, and another try may do
 */
export type AccessReason =
  | 'denied'
  | 'invalid'
  | 'name-invalid'
  | 'password-invalid'
  | 'user-exists'
  | 'user-unknown'
  | 'group-exists'
  | 'group-unknown'
  | 'member-unknown'
  | 'robot-exists'
  | 'robot-unknown'
  | 'grant-unknown'
  | 'last-administrator'
  | 'busy';

/** What is wrong with an act on users, groups, robots and grants, in words no protocol owns. */
export class AccessError extends Error {
  readonly reason: AccessReason;

  constructor(reason: AccessReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AccessError';
    this.reason = reason;
  }
}

/**
 * Why somebody was not let in.
 *
 * - `credentials`: a name and a password that do not belong together, whichever of them is wrong
 * - `token`: a token that is not ours, or no longer good
 * - `slow-down`: too many wrong ones before, or too many at once; try again after `retryAfterSeconds`
 * - `unavailable`: whoever vouches for them cannot be asked now
 */
export type AuthenticationReason = 'credentials' | 'token' | 'slow-down' | 'unavailable';

/** Somebody who was not let in. The message is for the log and the audit trail; nobody outside reads it. */
export class AuthenticationError extends Error {
  readonly reason: AuthenticationReason;
  readonly retryAfterSeconds: number;

  constructor(
    reason: AuthenticationReason,
    message: string,
    options: ErrorOptions & { retryAfterSeconds?: number } = {},
  ) {
    super(message, options);
    this.name = 'AuthenticationError';
    this.reason = reason;
    this.retryAfterSeconds = options.retryAfterSeconds ?? 5;
  }
}
