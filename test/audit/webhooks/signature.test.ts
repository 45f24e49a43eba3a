import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signatureHeaders, signingKey } from '#audit/webhooks/signature.ts';

const KEY = Buffer.from('0123456789abcdef01234567');
const MESSAGE = { id: '7', body: '{"ü":1}' };

describe('a signature', () => {
  it.each([
    ['the bytes of the text', KEY.toString(), KEY],
    ['what whsec_ carries in base64', `whsec_${KEY.toString('base64')}`, KEY],
    ['any bytes that whsec_ carries', `whsec_${Buffer.alloc(25, 255).toString('base64')}`, Buffer.alloc(25, 255)],
    ['the text itself where base64 stands alone', KEY.toString('base64'), Buffer.from(KEY.toString('base64'))],
  ])('is made with %s', (_, secret, key) => {
    const signer = signingKey(secret);
    if (signer === undefined) throw new Error('expected a key, found none');
    expect(signatureHeaders(signer, MESSAGE, 1_700_000_000_999)).toEqual({
      'webhook-id': '7',
      'webhook-timestamp': '1700000000',
      'webhook-signature': `v1,${createHmac('sha256', key).update('7.1700000000.{"ü":1}').digest('base64')}`,
    });
  });

  it.each(['', 'x'.repeat(23), `whsec_${Buffer.alloc(23).toString('base64')}`, 'whsec_not base64, but long enough'])(
    'is not made with %j',
    (secret) => {
      expect(signingKey(secret)).toBeUndefined();
    },
  );

  it('comes from a key that does not show itself', () => {
    const secret = 'a secret of more than 24 bytes';
    const key = signingKey(secret);
    expect(JSON.stringify(key)).toBe('{}');
    expect(String(Object.values(key ?? {}))).not.toContain(secret);
  });
});
