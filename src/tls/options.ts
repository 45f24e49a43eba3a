import { z } from 'zod';
import { isServerName } from './names.ts';

const path = z.string().min(1);

const serverName = z.string({ error: ({ input }) => badName(input) }).refine(isServerName, {
  error: ({ input }) => badName(input),
});

const identity = z.strictObject({
  from: z.enum(['commonName', 'uri', 'dns']).describe('which part of a certificate names its holder'),
  match: z.string().min(1).max(256).describe('what that part must be, as a whole; * stands for any text'),
});

/** How connections are encrypted, and which client certificates are believed. */
export const tlsOptions = z
  .strictObject({
    mode: z
      .enum(['off', 'auto', 'files'])
      .prefault('off')
      .describe('off: plain HTTP; auto: a private authority made on first start; files: a certificate brought along'),
    auto: z
      .strictObject({
        names: z
          .array(serverName)
          .min(1)
          .optional()
          .describe('DNS names and IP addresses in the certificate; left out: all by which this server may be called'),
      })
      .prefault({})
      .describe('for mode auto'),
    files: z
      .strictObject({
        certificate: path
          .optional()
          .describe('PEM file: the certificate, then the authorities between it and the root'),
        key: path.optional().describe('PEM file: the private key of the certificate'),
      })
      .prefault({})
      .describe('for mode files'),
    clientCertificates: z
      .strictObject({
        authority: path.optional().describe('PEM file: the authorities whose client certificates are believed'),
        identities: z.array(identity).prefault([]).describe('what makes a name of a certificate; the first that fits'),
      })
      .prefault({})
      .describe('clients that show a certificate instead of a password'),
  })
  .refine(({ mode, files }) => mode !== 'files' || files.certificate !== undefined, missing(['files', 'certificate']))
  .refine(({ mode, files }) => mode !== 'files' || files.key !== undefined, missing(['files', 'key']))
  .refine(({ mode, clientCertificates }) => mode !== 'off' || clientCertificates.authority === undefined, {
    path: ['clientCertificates'],
    error: 'client certificates come over TLS, and http.tls.mode is off',
    params: { remedy: 'set http.tls.mode to auto or files, or remove this' },
  })
  .refine(({ clientCertificates: { authority, identities } }) => authority !== undefined || identities.length === 0, {
    path: ['clientCertificates', 'authority'],
    error: 'expected the authorities that vouch for client certificates, found nothing',
    params: { remedy: 'name a PEM file with their certificates, or remove http.tls.clientCertificates' },
  })
  .refine(({ clientCertificates: { authority, identities } }) => authority === undefined || identities.length > 0, {
    path: ['clientCertificates', 'identities'],
    error: 'no certificate could name anybody: this is an empty list',
    params: { remedy: 'add one such as { from: commonName, match: "*" }, or remove http.tls.clientCertificates' },
  });

/** What {@link tlsOptions} parses to. */
export type TlsOptions = z.infer<typeof tlsOptions>;

/** One rule by which a certificate names its holder. */
export type IdentityRule = z.infer<typeof identity>;

function missing(where: readonly ['files', 'certificate' | 'key']): {
  path: string[];
  error: string;
  params: { remedy: string };
} {
  return {
    path: [...where],
    error: 'http.tls.mode is files, and this file is not named',
    params: { remedy: 'name a PEM file, or set http.tls.mode to auto' },
  };
}

function badName(input: unknown): string {
  return `expected a DNS name or an IP address such as registry.example.com or 10.0.0.7, found ${JSON.stringify(input)}`;
}
