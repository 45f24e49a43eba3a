import { hash } from 'node:crypto';
import { randomSecret } from '#base/secret.ts';

// 40 letters and digits hold 233 bits; the beginning lets scanners for leaked secrets know it.
const ROBOT_SECRET_PREFIX = 'ghr_';
const ROBOT_SECRET_LENGTH = 40;

/** A new secret for a robot. */
export function newRobotSecret(): string {
  return `${ROBOT_SECRET_PREFIX}${randomSecret(ROBOT_SECRET_LENGTH)}`;
}

/**
 * What is kept of a secret that was made here, in hexadecimal. A plain hash is enough: nobody tries 2^233 of them, however
 * fast each is. Passwords that people choose need password.ts.
 */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'hex');
}
