/** Why an act on users was refused. */
export type AccessReason = 'user-exists' | 'user-unknown' | 'name-invalid' | 'password-invalid';

/** What is wrong with a user, in words no protocol owns. */
export class AccessError extends Error {
  readonly reason: AccessReason;

  constructor(reason: AccessReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AccessError';
    this.reason = reason;
  }
}
