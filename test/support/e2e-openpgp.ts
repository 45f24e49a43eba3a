import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workstation } from './clients.ts';

/** Whose key it is that {@link aSigner} makes. */
export const KEY = 'signer@example.org';

/** Somebody with a key of their own, in `key.gpg` without its secret, whose agent has to be ended with the tests. */
export async function aSigner(here: Workstation): Promise<Workstation> {
  await mkdir(join(here.folder, '.gnupg'), { mode: 0o700 });
  const generate = ['--batch', '--quiet', '--passphrase', '', '--quick-generate-key', KEY, 'ed25519', 'sign', 'never'];
  await here.succeed('gpg', generate);
  await here.succeed('gpg', ['--batch', '--quiet', '--export', '--output', join(here.folder, 'key.gpg'), KEY]);
  return here;
}

/** Makes a node believe images of the registry only when the key's owner signed them. */
export async function believe(node: Workstation, host: string, signer: Workstation): Promise<void> {
  const keyData = (await readFile(join(signer.folder, 'key.gpg'))).toString('base64');
  const policy = {
    default: [{ type: 'insecureAcceptAnything' }],
    transports: { docker: { [host]: [{ type: 'signedBy', keyType: 'GPGKeys', keyData }] } },
  };
  await writeFile(join(node.folder, '.config/containers/policy.json'), JSON.stringify(policy));
}
