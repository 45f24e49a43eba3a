/*
 * The outside of a signed message, RFC 9580, section 10.3: which packets there are and where they end, before any
 * library looks inside. What readers disagree about is refused: a message is all of its bytes, and has one reading.
 *
 *   signed message := [ compressed ( ] one-pass, literal, signature | signature, literal [ ) ]
 */
import { type InputType, type ZlibOptions, inflateRawSync, inflateSync } from 'node:zlib';
import { z } from 'zod';
import { VerificationError } from '../testimony.ts';

/** 256 KiB: what signers make is below one; both the message and what comes out of it are bounded. */
const MESSAGE_MAX_BYTES = 256 * 1024;
/** 1 MiB of packets out of a compressed one. */
const DECOMPRESSED_MAX_BYTES = 1024 * 1024;

/** Packet types. RFC 9580, section 5. */
const SIGNATURE = 2;
const ONE_PASS = 4;
const COMPRESSED = 8;
const LITERAL = 11;
const NAMES: Readonly<Record<number, string>> = {
  [SIGNATURE]: 'signature',
  [ONE_PASS]: 'one-pass signature',
  [COMPRESSED]: 'compressed data',
  [LITERAL]: 'literal data',
};
const SIGNED_MESSAGES = [
  [ONE_PASS, LITERAL, SIGNATURE],
  [SIGNATURE, LITERAL],
];
// One more than the longest sound message has.
const PACKETS_MAX = 4;

/** What zlib answers when asked to say how much it read. */
const inflation = z.object({
  buffer: z.instanceof(Uint8Array),
  engine: z.object({ bytesWritten: z.number() }),
});

interface Packet {
  readonly tag: number;
  readonly body: Uint8Array;
  /** Where the next one begins. */
  readonly end: number;
}

/** The insides of the packets that count. What a one-pass packet says is said again in the signature. */
export interface SignedPackets {
  readonly literal: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Takes a message apart that holds exactly one signature over exactly one text, and nothing else.
 *
 * @throws {VerificationError} integrity: it is anything else, or too large
 */
export function signedPackets(message: Uint8Array): SignedPackets {
  if (message.length > MESSAGE_MAX_BYTES) {
    throw malformed(`a message of at most ${MESSAGE_MAX_BYTES} bytes, found ${message.length}`);
  }
  const outer = packetsOf(message);
  const [first, ...others] = outer;
  if (first?.tag !== COMPRESSED) return requireSigned(outer);
  if (others.length > 0) throw malformed('nothing after the compressed data');
  return requireSigned(packetsOf(decompress(first.body)));
}

function requireSigned(packets: readonly Packet[]): SignedPackets {
  const tags = packets.map(({ tag }) => tag);
  const literal = packets.find(({ tag }) => tag === LITERAL)?.body;
  const signature = packets.find(({ tag }) => tag === SIGNATURE)?.body;
  const isSound = SIGNED_MESSAGES.some((sound) => sound.join() === tags.join());
  if (isSound && literal !== undefined && signature !== undefined) return { literal, signature };
  const found = tags.map((tag) => NAMES[tag] ?? `packet ${tag}`).join(', ');
  throw malformed(`one text with one signature, found ${found === '' ? 'nothing' : found}`);
}

/** Splits bytes into packets; they end where the last packet ends, or it is an error. */
function packetsOf(bytes: Uint8Array): Packet[] {
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (packets.length === PACKETS_MAX) throw malformed(`fewer than ${PACKETS_MAX + 1} packets`);
    const packet = packetAt(bytes, at);
    packets.push(packet);
    at = packet.end;
  }
  return packets;
}

/** RFC 9580, section 4.2. */
function packetAt(bytes: Uint8Array, at: number): Packet {
  const header = byteAt(bytes, at);
  if ((header & 0x80) === 0) throw malformed('a binary OpenPGP packet');
  if ((header & 0x40) !== 0) return currentPacket(bytes, at + 1, header & 0x3f);
  const tag = (header >> 2) & 0x0f;
  const lengthBytes = [1, 2, 4, 0][header & 0x03] ?? 0;
  const start = at + 1 + lengthBytes;
  if (lengthBytes > 0) return { tag, ...bodyOf(bytes, start, numberAt(bytes, at + 1, lengthBytes)) };
  // Up to the end, whatever that is: gpg writes compressed data so, and nothing else.
  if (tag !== COMPRESSED) throw malformed('packets that say how long they are');
  return { tag, ...bodyOf(bytes, start, bytes.length - start) };
}

/** A packet whose length is written in the current format, perhaps in several parts. RFC 9580, section 4.2.1. */
function currentPacket(bytes: Uint8Array, start: number, tag: number): Packet {
  const parts: Uint8Array[] = [];
  for (let at = start; ; ) {
    const first = byteAt(bytes, at);
    if (first >= 224 && first < 255) {
      if (tag !== COMPRESSED && tag !== LITERAL) throw malformed('a packet in one part');
      const part = bodyOf(bytes, at + 1, 2 ** (first & 0x1f));
      parts.push(part.body);
      at = part.end;
      continue;
    }
    const last = bodyOf(bytes, ...lengthAt(bytes, at));
    return { tag, body: Buffer.concat([...parts, last.body]), end: last.end };
  }
}

/** Where a body begins, and how long it is. */
function lengthAt(bytes: Uint8Array, at: number): [start: number, length: number] {
  const first = byteAt(bytes, at);
  if (first < 192) return [at + 1, first];
  if (first < 224) return [at + 2, ((first - 192) << 8) + byteAt(bytes, at + 1) + 192];
  return [at + 5, numberAt(bytes, at + 1, 4)];
}

function bodyOf(bytes: Uint8Array, start: number, length: number): Pick<Packet, 'body' | 'end'> {
  const end = start + length;
  if (start > bytes.length || end > bytes.length) throw truncated();
  return { body: bytes.subarray(start, end), end };
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw truncated();
  return byte;
}

function numberAt(bytes: Uint8Array, at: number, count: number): number {
  let number = 0;
  for (let index = 0; index < count; index += 1) number = number * 256 + byteAt(bytes, at + index);
  return number;
}

/** RFC 9580, section 5.6. What the compressed stream leaves over is refused: readers ignore it, and see the first of two. */
function decompress(body: Uint8Array): Uint8Array {
  const packed = body.subarray(1);
  switch (byteAt(body, 0)) {
    case 0:
      return packed;
    case 1:
      return inflated(inflateRawSync, packed);
    case 2:
      return inflated(inflateSync, packed);
    default:
      throw malformed('data compressed with ZIP or ZLIB');
  }
}

type Inflate = (bytes: InputType, options: ZlibOptions) => Buffer;

function inflated(inflate: Inflate, packed: Uint8Array): Uint8Array {
  const { buffer, engine } = inflateAll(inflate, packed);
  if (engine.bytesWritten !== packed.length) throw malformed('nothing after the compressed data');
  return buffer;
}

function inflateAll(inflate: Inflate, packed: Uint8Array): z.infer<typeof inflation> {
  try {
    const result: unknown = inflate(packed, { maxOutputLength: DECOMPRESSED_MAX_BYTES, info: true });
    return inflation.parse(result);
  } catch (error) {
    throw malformed(`compressed data that unpacks to at most ${DECOMPRESSED_MAX_BYTES} bytes`, error);
  }
}

function truncated(): VerificationError {
  return malformed('a whole message, found one that is cut off');
}

function malformed(expected: string, cause?: unknown): VerificationError {
  return new VerificationError('integrity', `expected ${expected}`, { cause });
}
