import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { revocationOf } from '#trust/x509/revocation.ts';
import { fetchRevocationList } from '#trust/x509/revocation-lists.ts';
import { subjectText } from '#trust/x509/subject.ts';
import { verifyTimeStamp } from '#trust/x509/time-stamp.ts';
import { DAY_MS, aCertificate, aRevocationList, anAuthority, pemOf } from './authority.ts';
import { aTimeStamp, aTimeStampAuthority } from './time-stamping.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) process.stderr.write('openssl is not there: nothing is compared with it\n');

// It tells its own time.
const now = Date.now();
const WINDOW = { from: now - DAY_MS, until: now + DAY_MS };
const SIGNED = Buffer.from('a signature');
const authority = await aTimeStampAuthority({
  root: WINDOW,
  signer: { ...WINDOW, subject: [{ O: ['acme, inc.'] }, { CN: [{ utf8String: 'a "clock"' }] }] },
});
const anchors = [authority.root.certificate];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-openssl-'));
  const key = authority.signer.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  for (const [name, content] of Object.entries({
    'root.pem': pemOf([authority.root]),
    'signer.pem': pemOf([authority.signer]),
    'signer.key': key,
    data: SIGNED,
    serial: '01\n',
    'tsa.cnf': CONFIGURATION,
  })) {
    writeFileSync(join(folder, name), content);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const CONFIGURATION = `
[tsa]
default_tsa = own
[own]
serial = serial
signer_cert = signer.pem
signer_key = signer.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`;

function openssl(...words: readonly string[]): string {
  return execFileSync('openssl', words, { cwd: folder, encoding: 'utf8', timeout: 10_000, stdio: 'pipe' });
}

describe.skipIf(!hasOpenssl)('openssl', () => {
  test.each(['sha256', 'sha384', 'sha512'])('stamps %s, and we believe it', async (hash) => {
    openssl('ts', '-query', '-data', 'data', `-${hash}`, '-cert', '-out', 'query');
    openssl('ts', '-reply', '-config', 'tsa.cnf', '-section', 'own', '-queryfile', 'query', '-out', 'reply');
    openssl('ts', '-reply', '-in', 'reply', '-token_out', '-out', 'token');
    for (const name of ['reply', 'token']) {
      const bytes = readFileSync(join(folder, name));
      const stamp = await verifyTimeStamp(bytes, { signed: SIGNED, anchors, extra: [] });
      expect(Math.abs(stamp.at - Date.now())).toBeLessThan(60_000);
      expect([stamp.at - stamp.earliest, stamp.latest - stamp.at]).toEqual([1501, 1501]);
    }
  });

  test.each(['v1', 'v2', 'v2 with SHA-512', 'v2 with issuer'] as const)(
    'believes what our tests stamp, bound by %s',
    (boundBy) => {
      writeFileSync(join(folder, 'ours'), aTimeStamp(authority, SIGNED, { at: now, boundBy, hash: 'sha256' }));
      const words = ['ts', '-verify', '-data', 'data', '-in', 'ours', '-token_in', '-CAfile', 'root.pem'];
      expect(openssl(...words)).toContain('Verification: OK');
    },
  );

  test('writes a subject as we do', () => {
    const words = ['x509', '-in', 'signer.pem', '-noout', '-subject', '-nameopt', 'RFC2253,-esc_msb,utf8'];
    expect(openssl(...words).trim()).toBe(`subject=${subjectText(authority.signer.certificate)}`);
  });

  test('makes lists that we read, and reads what our tests make', async () => {
    const root = await anAuthority(undefined, WINDOW);
    const leaf = await aCertificate(root, WINDOW);
    const key = root.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    writeFileSync(join(folder, 'ca.pem'), pemOf([root]));
    writeFileSync(join(folder, 'ca.key'), key);
    writeFileSync(join(folder, 'leaf.pem'), pemOf([leaf]));
    writeFileSync(join(folder, 'index.txt'), '');
    const settings = '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=1\n';
    writeFileSync(join(folder, 'ca.cnf'), settings);
    const ca = ['ca', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key'];
    const chain = [leaf.certificate, root.certificate];
    const resultNow = async (name: string) =>
      revocationOf(chain, [await fetchRevocationList(join(folder, name))], Date.now() + 1000);
    openssl(...ca, '-gencrl', '-out', 'clean.crl');
    expect(await resultNow('clean.crl')).toMatchObject({ outcome: 'pass' });
    openssl(...ca, '-revoke', 'leaf.pem', '-crl_reason', 'keyCompromise');
    openssl(...ca, '-gencrl', '-out', 'dirty.crl');
    expect(await resultNow('dirty.crl')).toMatchObject({ outcome: 'fail', why: expect.stringContaining('keyComp') });
    const revoked = [{ party: leaf, reason: 1, revocationDate: new Date(now) }];
    writeFileSync(join(folder, 'ours.crl'), await aRevocationList(root, { revoked, ...WINDOW }));
    const read = openssl('crl', '-in', 'ours.crl', '-inform', 'DER', '-noout', '-text', '-CAfile', 'ca.pem');
    expect(read).toContain('Key Compromise');
    expect(await resultNow('ours.crl')).toMatchObject({ outcome: 'fail' });
  });
});
