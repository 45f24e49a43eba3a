import { deflateRawSync } from 'node:zlib';
import {
  type Message,
  type PrivateKey,
  type PublicKey,
  SignaturePacket,
  config,
  createMessage,
  enums,
  generateKey,
  sign,
} from 'openpgp';
import { type MemoryShelf, aShelf, aSubject } from '#test/trust/shelf.ts';
import type { Subject } from '#trust/format.ts';
import { simpleSigning } from '#trust/formats/simple-signing.ts';
import { readKeyring } from '#trust/openpgp/keyring.ts';
import type { OpenPgpRoot, Root } from '#trust/root.ts';
import type { Finding, Testimony } from '#trust/testimony.ts';
import { CHECKS } from '#trust/testimony.ts';
import fixtures from '../fixtures/simple-signing.json' with { type: 'json' };

/** When the tests judge, unless they say otherwise: after everything in simple-signing.json. */
export const NOW = Date.parse('2026-12-01T00:00:00Z');
export const DAY = 86_400_000;

export const FINGERPRINTS = fixtures.fingerprints;
export type RingName = keyof typeof fixtures.rings;
export type SignatureName = keyof typeof fixtures.signatures;

export function ringBytes(name: RingName): Buffer {
  return Buffer.from(fixtures.rings[name], 'base64');
}

/** A message as gpg or skopeo made it: test/trust/fixtures/simple-signing.sh says how. */
export function signatureBytes(name: SignatureName): Buffer {
  return Buffer.from(fixtures.signatures[name], 'base64');
}

/** A root of these rings. */
export async function aRing(...rings: readonly (RingName | PublicKey)[]): Promise<OpenPgpRoot> {
  const keys: PublicKey[] = [];
  for (const ring of rings) keys.push(...(typeof ring === 'string' ? await readKeyring(ringBytes(ring)) : [ring]));
  return { kind: 'openpgp', name: 'ops', version: '1', problem: undefined, keys };
}

/** A shelf with the manifest that the fixtures are about. */
export function aSignedShelf(): { shelf: MemoryShelf; subject: Subject } {
  const shelf = aShelf();
  return { shelf, subject: aSubject(shelf) };
}

/** What is found of one message about the subject, and where it is said to come from. */
export async function look(content: Uint8Array, roots: readonly Root[], at = NOW): Promise<Finding> {
  const { shelf, subject } = aSignedShelf();
  shelf.putSignature(subject.digest, { name: 'a signature', content });
  const [signature] = await Array.fromAsync(simpleSigning.find(subject, shelf));
  if (signature === undefined) throw new Error('expected a signature, found none');
  return await signature.check(roots, at);
}

/** The outcomes in the order of the checks, as `pass pass none pass pass`; or what the problem is. */
export function outcomes({ problem, testimonies }: Finding): string {
  return problem ?? testimonies.map(outcomesOf).join('; ');
}

export function outcomesOf({ checks }: Testimony): string {
  return CHECKS.map((check) => checks[check].outcome).join(' ');
}

/** What a signer says of a manifest: what skopeo would write, or anything else. */
export function aPayload({
  digest,
  reference = 'registry.example.com/team-a/app:v1',
}: {
  digest: string;
  reference?: string;
}): string {
  return JSON.stringify({
    critical: {
      identity: { 'docker-reference': reference },
      image: { 'docker-manifest-digest': digest },
      type: 'atomic container signature',
    },
    optional: { creator: 'a test', timestamp: 1_769_904_000 },
  });
}

/** A signer made for one test. */
export interface TestSigner {
  readonly privateKey: PrivateKey;
  readonly ring: OpenPgpRoot;
  sign(content: string, options?: { date?: Date }): Promise<Uint8Array>;
}

export async function aSigner(): Promise<TestSigner> {
  const { privateKey, publicKey } = await generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name: 'test', email: 'test@example.org' }],
    date: new Date(NOW - 30 * DAY),
    format: 'object',
  });
  return {
    privateKey,
    ring: await aRing(publicKey),
    async sign(content, { date = new Date(NOW - DAY) } = {}) {
      const message = await createMessage({ binary: Buffer.from(content), date });
      return await sign({ message, signingKeys: privateKey, format: 'binary', date });
    },
  };
}

/** A packet in the current format. RFC 9580, section 4.2.1. */
export function aPacket(tag: number, body: Uint8Array): Buffer {
  const length = Buffer.alloc(5, 255);
  length.writeUInt32BE(body.length, 1);
  return Buffer.concat([Buffer.from([0xc0 | tag]), length, body]);
}

/** A compressed data packet of unknown length, as gpg writes it. */
export function compressed(packets: Uint8Array, rest: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([0xa3, 1]), deflateRawSync(packets), rest]);
}

export function literal(content: string): Buffer {
  return aPacket(11, Buffer.concat([Buffer.from('b\0\0\0\0\0'), Buffer.from(content)]));
}

/** A signature that its maker would refuse to make, such as one from before its key. */
export async function signedBy(key: PrivateKey, text: Message<Uint8Array>, date: Date): Promise<Buffer> {
  const content = text.packets.findPacket(enums.packet.literalData);
  if (content === undefined) throw new Error('expected a text to sign, found none');
  const signature = Object.assign(new SignaturePacket(), {
    signatureType: enums.signature.binary,
    publicKeyAlgorithm: key.keyPacket.algorithm,
    hashAlgorithm: enums.hash.sha512,
  });
  // The library's types want bytes here, and its code the packet.
  await Reflect.apply(signature.sign.bind(signature), undefined, [key.keyPacket, content, date, false, config]);
  return Buffer.concat([aPacket(2, signature.write()), aPacket(11, content.write())]);
}
