import type { WebhookOptions } from '../options.ts';
import type { Body } from './body.ts';
import { signatureHeaders } from './signature.ts';

/** One attempt to deliver a body. */
export interface Attempt {
  /** Of the event; the same in every attempt. */
  readonly id: string;
  readonly body: Body;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Ends the attempt early. */
  readonly signal: AbortSignal;
}

/**
 * Posts a body, signed, and looks at nothing but the status of the answer. Redirects are not followed: the body would go
 * where nobody configured it to go.
 *
 * @returns undefined when it was delivered, else a status or the code of an error
 */
export async function post(webhook: WebhookOptions, { id, body, now, signal }: Attempt): Promise<string | undefined> {
  try {
    const response = await fetch(webhook.url, {
      method: 'POST',
      headers: {
        'content-type': body.contentType,
        'user-agent': 'gatehouse',
        ...signatureHeaders(webhook.secret, { id, body: body.text }, now),
      },
      body: body.text,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(webhook.timeout)]),
    });
    // However long it is: it is not read.
    await response.body?.cancel();
    return response.ok ? undefined : String(response.status);
  } catch (error) {
    return codeOf(error);
  }
}

/** A code and no message: messages hold addresses, and an address may hold a token. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'error';
  const { cause } = error;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : error.name;
}
