import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workstation } from './clients.ts';

/** A workstation whose keys sign images in every way that clients store signatures, and which believes only itself. */
export interface Desk {
  /** Signs `host/repository@digest`, and attaches a note and a note on the note. */
  sign(pinned: string): Promise<void>;
  /** Verifies all that {@link Desk.sign} left. @throws {Error} a client refused something */
  verify(pinned: string): Promise<void>;
  /** Verifies that no client finds a signature. @throws {Error} one did */
  verifyNone(pinned: string): Promise<void>;
}

const HTTP = '--allow-http-registry';
export const LEGACY = '--new-bundle-format=false';
// No network: neither a transparency log nor the service that tells where one is.
export const SIGN = ['--yes', '--key', 'cosign.key', '--tlog-upload=false', '--use-signing-config=false', HTTP];
export const VERIFY = ['--key', 'cosign.pub', '--insecure-ignore-tlog=true', HTTP];
export const SIGNER = 'signer.example.org';
const NOTE = 'application/vnd.example.note';

/** @param here is logged in with `crane`, where cosign and notation look too, and `oras` */
export async function aDesk(here: Workstation): Promise<Desk> {
  const { folder } = here;
  const does = (program: string, ...args: string[]): Promise<string> => here.succeed(program, args, { folder });
  await does('cosign', 'generate-key-pair');
  // The certificate goes to its own trust store as well.
  await does('notation', 'cert', 'generate-test', '--default', SIGNER);
  await writeFile(join(folder, '.config/notation/trustpolicy.json'), JSON.stringify(TRUST_POLICY));
  const ways = (pinned: string) =>
    [
      ['cosign', 'verify', ...VERIFY, pinned],
      ['cosign', 'verify', ...VERIFY, LEGACY, pinned],
      ['notation', 'verify', '--insecure-registry', pinned],
    ] as const;
  return {
    async sign(pinned) {
      await does('cosign', 'sign', ...SIGN, pinned);
      await does('cosign', 'sign', ...SIGN, LEGACY, pinned);
      await does('notation', 'sign', '--insecure-registry', pinned);
      const file = `note-${randomUUID()}`;
      await writeFile(join(folder, file), `about ${pinned}`);
      const attach = ['attach', '--plain-http', '--artifact-type', NOTE, '--format', 'json'];
      const note = JSON.parse(await does('oras', ...attach, pinned, `${file}:text/plain`)) as { reference: string };
      await does('oras', ...attach, note.reference, `${file}:text/plain`);
    },
    async verify(pinned) {
      for (const [program, ...args] of ways(pinned)) await does(program, ...args);
      // The note on the note is found through the note only.
      const tree = await does('oras', 'discover', '--plain-http', '--format', 'tree', '--artifact-type', NOTE, pinned);
      if (tree.split(NOTE).length < 3) throw new Error(`expected a note and a note on it, found ${tree}`);
    },
    async verifyNone(pinned) {
      for (const [program, ...args] of ways(pinned)) await here.fail(program, args, { folder });
    },
  };
}

/** Whoever has a certificate of the one store is believed. */
export const TRUST_POLICY = {
  version: '1.0',
  trustPolicies: [
    {
      name: 'everything',
      registryScopes: ['*'],
      signatureVerification: { level: 'strict' },
      trustStores: [`ca:${SIGNER}`],
      trustedIdentities: ['*'],
    },
  ],
};
