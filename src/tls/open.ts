import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { type SecureContextOptions, TLSSocket, type TlsOptions as TlsServerOptions } from 'node:tls';
import type { Sql } from '#metadata/sql.ts';
import type { CertificateIdentity } from './client-certificate.ts';
import { type OwnNames, serverNames } from './names.ts';
import type { IdentityRule, TlsOptions } from './options.ts';
import { type CertificateSource, type Report, certificatesIn } from './source.ts';

/** Encrypted connections: what a server needs for them, and what can be learnt from them. */
export interface Tls {
  /** For `https.createServer`. */
  readonly options: TlsServerOptions;
  /** Calls back whenever new connections are to be made with something else. */
  onChange(apply: (context: SecureContextOptions) => void): void;
  /** The private authority that nodes have to trust; undefined where the certificate came from elsewhere. */
  authority(): Authority | undefined;
  /**
   * The name that a client's certificate gives it; undefined without a certificate, with one that no configured
   * authority vouches for, or with one outside its time or purpose.
   */
  clientIdentity(socket: Socket): string | undefined;
  /** Looks now for a newer certificate; it is done by itself every so often. */
  check(): Promise<void>;
  close(): void;
}

/** The certificate of an authority. */
export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** SHA-256 of the certificate, in hex with colons. */
  readonly fingerprint: string;
}

/** What encryption works with. */
export interface TlsSurroundings {
  readonly metadata: Sql;
  readonly clock: () => number;
  readonly report: Report;
  readonly own: OwnNames;
}

/**
 * Prepares encrypted connections; undefined when they are off.
 *
 * @throws {Error} what is wrong with the files named in the options, as a sentence
 */
export async function openTls(options: TlsOptions, surroundings: TlsSurroundings): Promise<Tls | undefined> {
  if (options.mode === 'off') return undefined;
  const source = await openSource(options, surroundings);
  const clients = await openClients(options.clientCertificates, surroundings.clock);
  const context = (): SecureContextOptions => ({
    key: source.current().privateKey,
    cert: source.current().certificate,
    // TLS 1.0 and 1.1 are deprecated: RFC 8996.
    minVersion: 'TLSv1.2',
    ...(clients === undefined ? {} : { ca: [...clients.authorities] }),
  });
  const listeners: ((context: SecureContextOptions) => void)[] = [];
  const check = async (): Promise<void> => {
    if (await source.check()) for (const apply of listeners) apply(context());
  };
  return {
    // Nobody is turned away for a certificate: one that is not believed gives no name, and a password still does.
    options: { ...context(), ...(clients === undefined ? {} : { requestCert: true, rejectUnauthorized: false }) },
    onChange: (apply) => void listeners.push(apply),
    authority: () => authorityOf(source.current().authority),
    clientIdentity: (socket) => clients?.identity(socket),
    check,
    close: repeat(check, source.checkEveryMs, surroundings.report),
  };
}

async function openSource(options: TlsOptions, surroundings: TlsSurroundings): Promise<CertificateSource> {
  // Loaded only where it is used: making certificates takes a library that costs every start a tenth of a second.
  if (options.mode === 'auto') {
    const { openAutoSource } = await import('./auto.ts');
    return await openAutoSource(surroundings, serverNames(options.auto.names, surroundings.own));
  }
  const { certificate, key } = options.files;
  if (certificate === undefined || key === undefined) throw new Error('expected http.tls.files, found nothing');
  const { openFilesSource } = await import('./files.ts');
  return await openFilesSource({ certificate, key }, surroundings);
}

function authorityOf(certificate: string | undefined): Authority | undefined {
  if (certificate === undefined) return undefined;
  return { certificate, fingerprint: new X509Certificate(certificate).fingerprint256 };
}

/** Runs it every so often, one run at a time; returns what ends that. */
function repeat(check: () => Promise<void>, everyMs: number, report: Report): () => void {
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    check()
      .catch((error: unknown) => report.error('cannot look for a new server certificate', error))
      .finally(() => {
        running = false;
      });
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

interface Clients {
  readonly authorities: readonly string[];
  identity(socket: Socket): string | undefined;
}

async function openClients(
  { authority, identities }: TlsOptions['clientCertificates'],
  clock: () => number,
): Promise<Clients | undefined> {
  if (authority === undefined) return undefined;
  const authorities = await readAuthorities(authority);
  const { identityOfCertificate } = await import('./client-certificate.ts');
  const known = new WeakMap<TLSSocket, CertificateIdentity | 'nobody'>();
  const identify = (socket: TLSSocket, rules: readonly IdentityRule[]): CertificateIdentity | 'nobody' => {
    // A resumed TLS 1.3 session without a certificate counts as authorized, too.
    const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
    return (certificate && identityOfCertificate(certificate, rules)) ?? 'nobody';
  };
  return {
    authorities,
    identity(socket) {
      if (!(socket instanceof TLSSocket)) return undefined;
      const found = known.get(socket) ?? identify(socket, identities);
      known.set(socket, found);
      // A connection may outlive the certificate it began with.
      const now = clock();
      return found !== 'nobody' && found.from <= now && now < found.until ? found.name : undefined;
    },
  };
}

async function readAuthorities(path: string): Promise<string[]> {
  const problem = (what: string, cause?: unknown): Error =>
    new Error(`cannot believe client certificates: ${what}; correct http.tls.clientCertificates.authority`, { cause });
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw problem(`cannot read ${path}`, error);
  });
  const authorities = certificatesIn(text);
  if (authorities.length === 0) throw problem(`there is no PEM certificate in ${path}`);
  for (const one of authorities) {
    if (!isAuthority(one)) throw problem(`${path} holds a certificate that is no authority's`);
  }
  return authorities;
}

function isAuthority(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).ca;
  } catch {
    return false;
  }
}
