import { AccessError, type AccessReason, AuthenticationError } from '#access/errors.ts';
import { InputError, type InputFault } from '#api/input.ts';
import { type ErrorCode, type ErrorReason, RegistryError, RegistryErrors } from '#oci/errors.ts';
import { RetentionError, type RetentionReason } from '#retention/errors.ts';
import { StorageError } from '#storage/driver.ts';

/** The status of a code, where its reason does not say otherwise. Distribution Spec v1.1.1, "Endpoints". */
const STATUS = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  // 404: what the manifest names is what is not found. Distribution Spec v1.1.1, end-7.
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 400,
  TOOMANYREQUESTS: 429,
  SIGNATURE_INVALID: 400,
  SIGNATURE_EXISTS: 409,
  SIGNATURE_UNKNOWN: 404,
} as const satisfies Record<ErrorCode, number>;

const REASON_STATUS = {
  // 405: "if deletion is disabled, MUST respond with either 400 or 405", and for this thing, now, it is.
  conflict: 405,
  precondition: 412,
  range: 416,
  'too-large': 413,
  'no-route': 404,
  'no-method': 405,
  'uri-too-long': 414,
} as const satisfies Record<ErrorReason, number>;

/** What is refused in administration: the specification's codes where they fit, words like them where they do not. */
const ACCESS = {
  denied: { status: 403, code: 'DENIED' },
  invalid: { status: 400, code: 'INVALID' },
  'name-invalid': { status: 400, code: 'NAME_INVALID' },
  'password-invalid': { status: 400, code: 'INVALID' },
  'user-exists': { status: 409, code: 'CONFLICT' },
  'user-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'group-exists': { status: 409, code: 'CONFLICT' },
  'group-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'member-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'robot-exists': { status: 409, code: 'CONFLICT' },
  'robot-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'grant-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'last-administrator': { status: 409, code: 'CONFLICT' },
  busy: { status: 429, code: 'TOOMANYREQUESTS' },
} as const satisfies Record<AccessReason, { status: number; code: string }>;

/** The same for what is kept and what goes. */
const RETENTION = {
  'plan-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'plan-unfinished': { status: 409, code: 'CONFLICT' },
  'plan-done': { status: 409, code: 'CONFLICT' },
  'plan-outdated': { status: 409, code: 'CONFLICT' },
  'pattern-invalid': { status: 400, code: 'INVALID' },
  'nothing-in-use': { status: 400, code: 'INVALID' },
  'not-removed': { status: 409, code: 'CONFLICT' },
} as const satisfies Record<RetentionReason, { status: number; code: string }>;

const INPUT_STATUS = { invalid: 400, 'too-large': 413, 'media-type': 415 } as const satisfies Record<
  InputFault,
  number
>;

/** An error as it goes over the wire. Distribution Spec v1.1.1, "Error Codes". */
export interface WireError {
  readonly status: number;
  readonly body: string;
  /** When to come again, where that helps. */
  readonly retryAfterSeconds?: number;
}

/** 499: the client went away before its answer; nobody reads it, the log does. */
export const CLIENT_GONE = 499;

/** A server that cannot do its work right now; `Retry-After` is in seconds. */
export const RETRY_AFTER_SECONDS = '5';

/**
 * What to answer for whatever was thrown. What is not ours is a 500 that gives away nothing but the id under which the
 * log has the rest.
 */
export function wireError(thrown: unknown, requestId: string): WireError {
  if (thrown instanceof RegistryError) return wire(statusOf(thrown), [thrown]);
  if (thrown instanceof RegistryErrors) return wire(worstStatus(thrown.errors), thrown.errors);
  if (thrown instanceof AccessError) return reasonWire(ACCESS[thrown.reason], thrown);
  if (thrown instanceof RetentionError) return reasonWire(RETENTION[thrown.reason], thrown);
  if (thrown instanceof InputError) return inputWire(thrown);
  if (isClientGone(thrown)) return wire(CLIENT_GONE, []);
  if (thrown instanceof StorageError && thrown.reason === 'no-space') {
    return wire(507, [{ code: 'UNAVAILABLE', message: `the registry is out of space (request ${requestId})` }]);
  }
  if (thrown instanceof StorageError && thrown.reason === 'unavailable') {
    return wire(503, [{ code: 'UNAVAILABLE', message: `the storage does not answer (request ${requestId})` }]);
  }
  if (thrown instanceof AuthenticationError) return authenticationWire(thrown, requestId);
  return wire(500, [{ code: 'UNKNOWN', message: `internal error (request ${requestId})` }]);
}

/** The body for a status that no handler chose, such as what the HTTP parser refuses. */
export function wire(
  status: number,
  errors: readonly { readonly code: string; readonly message: string; readonly detail?: unknown }[],
): WireError {
  const list = errors.map(({ code, message, detail }) => ({
    code,
    message,
    ...(detail === undefined ? {} : { detail }),
  }));
  return { status, body: JSON.stringify({ errors: list }) };
}

/** The same words whatever was wrong: an answer must not tell which names there are. */
function authenticationWire({ reason, retryAfterSeconds }: AuthenticationError, requestId: string): WireError {
  switch (reason) {
    case 'credentials':
      return wire(401, [{ code: 'UNAUTHORIZED', message: 'the name and password are not those of a user' }]);
    case 'token':
      return wire(401, [{ code: 'UNAUTHORIZED', message: 'the token is not valid here, or no longer' }]);
    case 'slow-down': {
      const message = 'too many wrong passwords: try again later';
      return { ...wire(429, [{ code: 'TOOMANYREQUESTS', message }]), retryAfterSeconds };
    }
    case 'unavailable': {
      const message = `whoever vouches for you does not answer (request ${requestId})`;
      return { ...wire(503, [{ code: 'UNAVAILABLE', message }]), retryAfterSeconds };
    }
  }
}

function reasonWire(
  { status, code }: { readonly status: number; readonly code: string },
  { reason, message }: AccessError | RetentionError,
): WireError {
  return wire(status, [{ code, message, detail: { reason } }]);
}

function inputWire({ fault, problems }: InputError): WireError {
  const errors = problems.map(({ field, problem }) => ({
    code: 'INVALID',
    message: field === '' ? problem : `${field}: ${problem}`,
    ...(field === '' ? {} : { detail: { field } }),
  }));
  return wire(INPUT_STATUS[fault], errors);
}

function statusOf(error: RegistryError): number {
  return error.reason === undefined ? STATUS[error.code] : REASON_STATUS[error.reason];
}

/** Of several errors, a malformed document is worse than missing content: pushing the content would not help. */
function worstStatus(errors: readonly RegistryError[]): number {
  return Math.min(...errors.map(statusOf));
}

function isClientGone(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !('code' in thrown)) return false;
  return ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'].includes(String(thrown.code));
}
