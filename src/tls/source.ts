/** What a server shows to its clients, and who vouches for it. */
export interface Credentials {
  /** PEM. */
  readonly privateKey: string;
  /** PEM: the server's certificate, then whatever lies between it and a root. */
  readonly certificate: string;
  /** PEM of the private authority; absent where the certificate came from elsewhere. */
  readonly authority?: string | undefined;
}

/** Where a server's certificate comes from. */
export interface CertificateSource {
  /** What holds now. */
  current(): Credentials;
  /**
   * Looks whether something newer holds; returns whether it does. What is wrong with a newer one is reported, and the
   * old one stays.
   */
  check(): Promise<boolean>;
  /** How often looking is worth it, in milliseconds. */
  readonly checkEveryMs: number;
}

/** Who is told of what happens while the server runs. */
export interface Report {
  info(message: string, fields?: object): void;
  error(message: string, error: unknown, fields?: object): void;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Every certificate in a PEM text, as text and in order; whatever stands between them is left out. */
export function certificatesIn(text: string): string[] {
  return text.match(PEM_CERTIFICATE) ?? [];
}
