import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Workstation, aRepository, aWorkstation, describeClient } from '#test/support/clients.ts';
import { cosignJudges, signKeyless, trusting } from '#test/support/e2e-keyless.ts';
import { useScene } from '#test/support/e2e-scene.ts';
import type { EntryKind } from '#test/trust/sigstore/entry-body.ts';
import { type SigningWishes, type TestSigstore, aTestSigstore } from '#test/trust/sigstore/instance.ts';
import { checkKeyless } from '#trust/sigstore/keyless.ts';
import type { KeylessMaterial } from '#trust/sigstore/material.ts';

const CONTENT = Buffer.from('a file');
const STATEMENT = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ digest: { sha256: createHash('sha256').update(CONTENT).digest('hex') } }],
  predicateType: 'https://sigstore.dev/cosign/sign/v1',
  predicate: {},
};
const ENVELOPE = { payloadType: 'application/vnd.in-toto+json', payload: Buffer.from(JSON.stringify(STATEMENT)) };

describeClient('cosign', () => {
  let who: Workstation;
  let sigstore: TestSigstore;
  let stranger: TestSigstore;
  beforeAll(async () => {
    who = await aWorkstation();
    sigstore = await aTestSigstore();
    stranger = await aTestSigstore();
  });
  afterAll(async () => {
    await who.remove();
  });

  /** Whether cosign and whether we hold it for good. */
  async function verdictsOn(material: KeylessMaterial): Promise<{ cosign: boolean; gatehouse: boolean }> {
    const { code } = await cosignJudges(who, sigstore, { material, content: CONTENT });
    const { checks } = await checkKeyless(material, sigstore.root);
    const outcomes = [checks.integrity, checks.authenticity, checks.timestamp].map(({ outcome }) => outcome);
    return { cosign: code === 0, gatehouse: outcomes.every((outcome) => outcome === 'pass') };
  }

  it.each<[EntryKind, boolean]>([
    ['hashedrekord 0.0.1', false],
    ['hashedrekord 0.0.2', false],
    ['hashedrekord 0.0.2', true],
    ['dsse 0.0.1', true],
    ['intoto 0.0.2', true],
  ])('takes a keyless signature that a log keeps as %s, in an envelope: %j, as we do', async (kind, isEnvelope) => {
    const entries = [kind];
    const material = isEnvelope
      ? await sigstore.signEnvelope(ENVELOPE, { entries })
      : await sigstore.sign(CONTENT, { entries });
    expect(await verdictsOn(material)).toEqual({ cosign: true, gatehouse: true });
  });

  const SECOND: SigningWishes = { entries: ['hashedrekord 0.0.2'] };
  const LATE = 3_600_000;
  describe('refuses as we do', () => {
    it.each<[string, () => Promise<KeylessMaterial>]>([
      [
        'the entry of another signature',
        async () => {
          const { logEntries } = await sigstore.sign(CONTENT);
          return { ...(await sigstore.sign(CONTENT)), logEntries };
        },
      ],
      [
        'a time stamp over another signature',
        async () => {
          const timeStamps = [await sigstore.stamp(CONTENT, sigstore.at)];
          return { ...(await sigstore.sign(CONTENT, SECOND)), timeStamps };
        },
      ],
      [
        'a time stamp of a stranger',
        async () => {
          const material = await sigstore.sign(CONTENT, SECOND);
          return { ...material, timeStamps: [await stranger.stamp(material.signature, sigstore.at)] };
        },
      ],
      ['no time', async () => await sigstore.sign(CONTENT, { ...SECOND, stampedAt: [] })],
      [
        'a time after the certificate',
        async () => await sigstore.sign(CONTENT, { ...SECOND, stampedAt: [sigstore.at + LATE] }),
      ],
      [
        'a time before the certificate',
        async () => await sigstore.sign(CONTENT, { ...SECOND, stampedAt: [sigstore.at - LATE] }),
      ],
      ['no log', async () => await sigstore.sign(CONTENT, { entries: [] })],
      ['a certificate in no log', async () => await sigstore.sign(CONTENT, { scts: [] })],
      [
        'a certificate in the log of a stranger',
        async () => await sigstore.sign(CONTENT, { scts: [{ log: stranger.certificateLog, at: sigstore.at }] }),
      ],
      ['a certificate of a stranger', async () => await sigstore.sign(CONTENT, { authority: stranger.authority })],
      ['a certificate for servers', async () => await sigstore.sign(CONTENT, { usages: ['1.3.6.1.5.5.7.3.1'] })],
      ['a log of a stranger', async () => await stranger.sign(CONTENT, { authority: sigstore.authority })],
    ])('%s', async (_, material) => {
      expect(await verdictsOn(await material())).toEqual({ cosign: false, gatehouse: false });
    });
  });
});

describeClient(['cosign', 'oras', 'crane', 'skopeo'], () => {
  const scene = useScene();

  it('verifies an image that was signed keyless, and no other identity', async () => {
    const layout = await scene.aLayout();
    const sigstore = await aTestSigstore();
    const who = await scene.aUserOf(['crane', 'oras', 'skopeo']);
    const repository = aRepository();
    const pinned = `${scene.host}/${repository}@${layout.manifest.digest}`;
    const image = `docker://${scene.host}/${repository}:1`;
    await who.succeed('skopeo', [
      'copy',
      '--dest-tls-verify=false',
      '--preserve-digests',
      `oci:${layout.folder}:latest`,
      image,
    ]);
    const verify = ['verify', '--allow-http-registry', ...(await trusting(who, sigstore)), pinned];
    expect(await who.fail('cosign', verify)).toContain('no signatures found');
    await signKeyless(who, pinned, { sigstore, identity: 'https://ci.test/other@main' });
    expect(await who.fail('cosign', verify)).toContain('expected SAN value');
    await signKeyless(who, pinned, { sigstore });
    expect(await who.succeed('cosign', verify)).toContain('https://sigstore.dev/cosign/sign/v1');
  });
});
