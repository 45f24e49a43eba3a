import { z } from 'zod';
import { type Remote, RemoteError, callRemote, refusal } from '#api/client.ts';

const API_SCOPE = 'registry:api:*';
const CLIENT = 'gatehouse-cli';

const answerBody = z.object({ access_token: z.string(), refresh_token: z.string().optional() });

/**
 * Buys a token that can be kept, with a password. Docker's OAuth2 token specification.
 *
 * @throws {RemoteError} says why in words for people
 */
export async function buyRefreshToken(remote: Remote, user: string, password: string): Promise<string> {
  const { refresh_token: token } = await askForToken(remote, {
    grant_type: 'password',
    username: user,
    password,
    access_type: 'offline',
  });
  if (token !== undefined) return token;
  throw new RemoteError(`${remote.url} gives no token that can be kept`);
}

/**
 * A token for the API, in return for one that was kept.
 *
 * @throws {RemoteError} says why in words for people
 */
export async function redeem(remote: Remote, refreshToken: string): Promise<string> {
  try {
    const answer = await askForToken(remote, { grant_type: 'refresh_token', refresh_token: refreshToken });
    return answer.access_token;
  } catch (error) {
    if (!(error instanceof RemoteError) || (error.status !== 400 && error.status !== 401)) throw error;
    const message = `the login for ${remote.url} is no longer good: gatehouse login ${remote.url}`;
    throw new RemoteError(message, { status: error.status, cause: error });
  }
}

async function askForToken(remote: Remote, fields: Record<string, string>): Promise<z.output<typeof answerBody>> {
  const answer = await callRemote(remote, {
    method: 'POST',
    path: '/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ ...fields, client_id: CLIENT, scope: API_SCOPE }).toString(),
  });
  if (answer.status !== 200) throw refusal(remote, answer);
  const { data } = answerBody.safeParse(JSON.parse(answer.body));
  if (data !== undefined) return data;
  throw new RemoteError(`${remote.url} gave an answer that is no token`);
}
