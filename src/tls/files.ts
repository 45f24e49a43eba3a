import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { type CertificateSource, type Credentials, type Report, certificatesIn } from './source.ts';

/** The two files of a server certificate, as absolute paths. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** What this source works with. */
export interface FilesSurroundings {
  readonly clock: () => number;
  readonly report: Report;
}

// Contents are compared, not names or times: Kubernetes exchanges a symbolic link two folders up.
const CHECK_MS = 5_000;

/** A pair that clients accept, or why they would not; by its content one look differs from another. */
type Look = { readonly content: string } & (
  | { readonly pair: Credentials }
  | { readonly pair?: undefined; readonly problem: string }
);

const UNSUSPECTED = { content: '', looks: 0 };

/**
 * A certificate that someone else keeps up to date. A good replacement is taken at the next look; a bad one is
 * reported at the second, since the two files seldom change at the same moment.
 *
 * @throws {Error} what is wrong with the files, as a sentence
 */
export async function openFilesSource(
  files: CertificateFiles,
  { clock, report }: FilesSurroundings,
): Promise<CertificateSource> {
  const first = await lookAt(files, clock());
  if (first.pair === undefined) {
    const remedy = 'correct the files, or set http.tls.mode to auto';
    throw new Error(`cannot serve TLS with http.tls.files: ${first.problem}; ${remedy}`);
  }
  let shown = first;
  let suspect = UNSUSPECTED;
  return {
    current: () => shown.pair,
    checkEveryMs: CHECK_MS,
    async check() {
      const found = await lookAt(files, clock());
      // Also one that has expired in the meantime: there is nothing better.
      if (found.content === shown.content) {
        suspect = UNSUSPECTED;
        return false;
      }
      if (found.pair !== undefined) {
        shown = found;
        suspect = UNSUSPECTED;
        report.info('took a new server certificate', { expires: expiryOf(found.pair) });
        return true;
      }
      suspect = { content: found.content, looks: found.content === suspect.content ? suspect.looks + 1 : 1 };
      if (suspect.looks === 2) {
        report.error('refused a new server certificate and kept the old one', new Error(found.problem));
      }
      return false;
    },
  };
}

async function lookAt(files: CertificateFiles, now: number): Promise<Look> {
  try {
    const certificate = await readFile(files.certificate, 'utf8');
    const privateKey = await readFile(files.key, 'utf8');
    const pair = { certificate, privateKey };
    const problem = faultOf(pair, now);
    const content = certificate + privateKey;
    return problem === undefined ? { content, pair } : { content, problem };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const path = error instanceof Error && 'path' in error ? String(error.path) : 'the files';
    const problem = code === 'ENOENT' ? `there is no file ${path}` : `cannot read ${path} (${code})`;
    return { content: problem, problem };
  }
}

/** Why clients would not accept this, or undefined. */
function faultOf({ certificate, privateKey }: Credentials, now: number): string | undefined {
  const chain = certificatesIn(certificate).map((text) => parsed(() => new X509Certificate(text)));
  const [leaf] = chain;
  if (leaf === undefined) return 'there is no PEM certificate in the certificate file';
  if (leaf instanceof Error || chain.some((link) => link instanceof Error)) {
    return 'the certificate file holds something that is no certificate';
  }
  const key = parsed(() => createPrivateKey(privateKey));
  if (key instanceof Error) return 'the key file holds no private key in PEM without a passphrase';
  if (!leaf.checkPrivateKey(key)) return 'the key does not belong to the first certificate of the certificate file';
  if (leaf.validToDate.getTime() <= now) return `the certificate expired on ${leaf.validToDate.toISOString()}`;
  if (leaf.validFromDate.getTime() > now) return `the certificate holds only from ${leaf.validFromDate.toISOString()}`;
  // OpenSSL has requirements of its own, such as the length of a key.
  const context = parsed(() => createSecureContext({ cert: certificate, key: privateKey }));
  return context instanceof Error ? `OpenSSL does not take the certificate: ${context.message}` : undefined;
}

function parsed<T>(parse: () => T): T | Error {
  try {
    return parse();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function expiryOf({ certificate }: Credentials): string {
  return new X509Certificate(certificate).validToDate.toISOString();
}
