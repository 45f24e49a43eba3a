import type { LiteralDataPacket, SignaturePacket } from 'openpgp';
import { VerificationError } from '../testimony.ts';
import { signedPackets } from './packets.ts';

/** One text and the one signature over it; nothing is verified yet. */
export interface SignedMessage {
  readonly literal: LiteralDataPacket;
  readonly signature: SignaturePacket;
  /** When the signer says it was made. */
  readonly created: Date;
  /** What was signed, if the signature is good. */
  readonly content: Uint8Array;
}

/** @throws {VerificationError} integrity: it is not a signed message, or more than one */
export async function readSignedMessage(bytes: Uint8Array): Promise<SignedMessage> {
  const packets = signedPackets(bytes);
  const { enums } = await import('openpgp');
  const literal = await readLiteral(packets.literal);
  const signature = await readSignature(packets.signature);
  // Of text the signature covers another form, with other ends of lines, than the one that is read.
  if (signature.signatureType !== enums.signature.binary) throw malformed('a signature over a binary document');
  if (signature.created === null) throw malformed('a signature that says when it was made');
  return { ...literal, signature, created: signature.created };
}

async function readLiteral(body: Uint8Array): Promise<Pick<SignedMessage, 'literal' | 'content'>> {
  const { LiteralDataPacket, Message, PacketList } = await import('openpgp');
  const literal = new LiteralDataPacket();
  await literal.read(body);
  const packets = new PacketList<LiteralDataPacket>();
  packets.push(literal);
  // From the library, not from `body`: what is read must be what the library hashes.
  const content = new Message<Uint8Array>(packets).getLiteralData();
  if (content === null) throw malformed('a text that is signed');
  return { literal, content };
}

async function readSignature(body: Uint8Array): Promise<SignaturePacket> {
  const { SignaturePacket } = await import('openpgp');
  const signature = new SignaturePacket();
  try {
    signature.read(body);
    return signature;
  } catch (error) {
    throw malformed('an OpenPGP signature', error);
  }
}

function malformed(expected: string, cause?: unknown): VerificationError {
  return new VerificationError('integrity', `expected ${expected}, found something else`, { cause });
}
