import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleOf } from '#test/trust/sigstore/bundle.ts';
import { type SigningWishes, type TestSigstore, trustedRootFile } from '#test/trust/sigstore/instance.ts';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';
import type { Ending, Workstation } from './clients.ts';

const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** Who the certificates of a {@link TestSigstore} are for unless wished otherwise, as cosign is asked for them. */
export const BY_CI = [
  '--certificate-identity=https://ci.test/app@main',
  '--certificate-oidc-issuer=https://issuer.test',
] as const;

/** Leaves a trusted root with somebody; returns the arguments that have cosign look nowhere else. */
export async function trusting(who: Workstation, { trustedRoot }: TestSigstore): Promise<readonly string[]> {
  const file = join(who.folder, 'trusted_root.json');
  await writeFile(file, trustedRootFile(trustedRoot));
  return [`--trusted-root=${file}`, ...BY_CI];
}

/**
 * Has cosign v3 judge a keyless signature over a file, or a statement about it in an envelope, offline.
 *
 * @param content of the file
 */
export async function cosignJudges(
  who: Workstation,
  sigstore: TestSigstore,
  { material, content }: { material: KeylessMaterial; content: Uint8Array },
): Promise<Ending> {
  const [blob, bundle] = [join(who.folder, 'blob'), join(who.folder, 'bundle.json')];
  await writeFile(blob, content);
  await writeFile(bundle, bundleOf(material));
  const given = [...(await trusting(who, sigstore)), `--bundle=${bundle}`];
  return material.envelope === undefined
    ? await who.run('cosign', ['verify-blob', ...given, blob])
    : await who.run('cosign', [
        'verify-blob-attestation',
        '--type=https://sigstore.dev/cosign/sign/v1',
        ...given,
        blob,
      ]);
}

/**
 * Signs an image as `cosign sign` does with an identity: a bundle among its referrers.
 *
 * @param who is logged in with `oras`
 * @param pinned `host/repository@digest`
 */
export async function signKeyless(
  who: Workstation,
  pinned: string,
  { sigstore, ...wishes }: SigningWishes & { sigstore: TestSigstore },
): Promise<void> {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: pinned.split('@sha256:')[1] } }],
    predicateType: 'https://sigstore.dev/cosign/sign/v1',
    predicate: {},
  };
  const payload = Buffer.from(JSON.stringify(statement));
  const envelope = { payloadType: 'application/vnd.in-toto+json', payload };
  const file = `bundle-${randomUUID()}.json`;
  await writeFile(join(who.folder, file), bundleOf(await sigstore.signEnvelope(envelope, wishes)));
  const attach = ['attach', '--plain-http', '--artifact-type', BUNDLE_TYPE, pinned, `${file}:${BUNDLE_TYPE}`];
  await who.succeed('oras', attach, { folder: who.folder });
}
