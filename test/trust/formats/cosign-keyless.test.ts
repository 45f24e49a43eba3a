import { beforeAll, describe, expect, test } from 'vitest';
import type { Root } from '#trust/root.ts';
import { annotationsOf, bundleOf } from '../sigstore/bundle.ts';
import { type TestSigstore, aTestSigstore } from '../sigstore/instance.ts';
import {
  PAYLOAD_LAYER,
  STATEMENT_TYPE,
  aPayload,
  aScene,
  aStatement,
  attach,
  onlyFinding,
  sigTagOf,
  vouchers,
} from './cosign-signing.ts';

const CI = 'ci: https://ci.test/app@main (https://issuer.test)';

let sigstore: TestSigstore;
let stranger: TestSigstore;
beforeAll(async () => {
  sigstore = await aTestSigstore();
  stranger = await aTestSigstore();
});

const rootsOf = ({ root }: TestSigstore): readonly Root[] => [root];

describe('a keyless signature of cosign', () => {
  test.each(['dsse 0.0.1', 'intoto 0.0.2', 'hashedrekord 0.0.2'] as const)(
    'in a bundle, logged as %s, says who signed',
    async (kind) => {
      const { shelf, subject } = aScene();
      const envelope = { payloadType: STATEMENT_TYPE, payload: Buffer.from(aStatement(subject.digest)) };
      attach(shelf, subject, bundleOf(await sigstore.signEnvelope(envelope, { entries: [kind] })));
      expect(vouchers([await onlyFinding(shelf, subject, rootsOf(sigstore))])).toEqual([CI]);
      expect(vouchers([await onlyFinding(shelf, subject, rootsOf(stranger))])).toEqual([]);
    },
  );

  test.each([
    ['with the time of a log', []],
    ['with a time stamp', undefined],
  ])('in a .sig tag, %s, says who signed', async (_, stampedAt) => {
    const { shelf, subject } = aScene();
    const content = aPayload(subject);
    const material = await sigstore.sign(Buffer.from(content), stampedAt === undefined ? {} : { stampedAt });
    const annotations = annotationsOf(material);
    shelf.putArtifact({ tag: sigTagOf(subject), layers: [{ mediaType: PAYLOAD_LAYER, content, annotations }] });
    expect(vouchers([await onlyFinding(shelf, subject, rootsOf(sigstore))])).toEqual([CI]);
    expect(vouchers([await onlyFinding(shelf, subject, rootsOf(stranger))])).toEqual([]);
  });
});
