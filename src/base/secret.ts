import { randomInt } from 'node:crypto';

// Without 0 O 1 l I: somebody will type it from a screen.
const ALPHABET = '23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ';

/** A random secret of letters and digits; 22 of them hold 128 bits. */
export function randomSecret(length = 22): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
