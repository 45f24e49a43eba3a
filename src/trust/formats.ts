import type { SignatureFormat } from './format.ts';

/**
 * Every file of `formats/`. Loaded when a server has policies, or something is to be judged for the first time: with them
 * come the libraries, and a registry without policies needs none.
 */
export async function loadFormats(): Promise<readonly SignatureFormat[]> {
  const [{ cosign }, { notation }, { simpleSigning }] = await Promise.all([
    import('./formats/cosign.ts'),
    import('./formats/notation.ts'),
    import('./formats/simple-signing.ts'),
  ]);
  return [cosign, notation, simpleSigning];
}
