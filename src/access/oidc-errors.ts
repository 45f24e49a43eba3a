/** Why a token was refused; unreachable: the keys to judge it by cannot be had, which says nothing of the token. */
export type OidcReason =
  | 'malformed'
  | 'unknown-issuer'
  | 'signature'
  | 'expired'
  | 'not-yet-valid'
  | 'audience'
  | 'claim'
  | 'condition'
  | 'unreachable';

/** A token that lets nobody in. The message is for logs: it may quote claims, and never the token. */
export class OidcError extends Error {
  readonly reason: OidcReason;

  constructor(reason: OidcReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'OidcError';
    this.reason = reason;
  }
}
