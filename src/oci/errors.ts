/** Codes of the signature extension, as OpenShift's registry has them; the last one is ours, for a lookaside store. */
export type SignatureErrorCode = 'SIGNATURE_INVALID' | 'SIGNATURE_EXISTS' | 'SIGNATURE_UNKNOWN';

/** The error codes of the specification. Distribution Spec v1.1.1, "Error Codes". */
export type ErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | SignatureErrorCode;

/**
 * Why, where the code alone does not settle how a protocol answers. `http/errors.ts` maps it to a status.
 *
 * - `conflict`: the act is sound but something still needs what it would remove
 * - `precondition`: the caller's `If-Match` or `If-None-Match` no longer holds
 * - `range`: the bytes asked for or sent do not join on to the bytes that are there
 * - `too-large`: a body over its limit
 * - `no-route`, `no-method`: nothing answers there, or not to that verb
 * - `uri-too-long`: an address over its limit
 */
export type ErrorReason =
  | 'conflict'
  | 'precondition'
  | 'range'
  | 'too-large'
  | 'no-route'
  | 'no-method'
  | 'uri-too-long';

export interface RegistryErrorOptions extends ErrorOptions {
  /** Data a client can use to resolve the issue; must be JSON. */
  readonly detail?: unknown;
  readonly reason?: ErrorReason;
}

/** The one error of everything that speaks of repositories, manifests and blobs. */
export class RegistryError extends Error {
  readonly code: ErrorCode;
  readonly detail: unknown;
  readonly reason: ErrorReason | undefined;

  constructor(code: ErrorCode, message: string, options: RegistryErrorOptions = {}) {
    super(message, options);
    this.name = 'RegistryError';
    this.code = code;
    this.detail = options.detail;
    this.reason = options.reason;
  }
}

/** Several errors in one answer, as when each missing layer is named. Never empty. */
export class RegistryErrors extends Error {
  readonly errors: readonly RegistryError[];

  constructor(errors: readonly RegistryError[]) {
    super(errors.map((error) => error.message).join('; '));
    this.name = 'RegistryErrors';
    this.errors = errors;
  }
}
