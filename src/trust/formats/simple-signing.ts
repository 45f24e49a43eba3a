import type { ShelvedSignature, Signature, SignatureFormat, Subject } from '../format.ts';
import { type Judgement, judge } from '../openpgp/judgement.ts';
import { readSignedMessage } from '../openpgp/message.ts';
import { parsePayload } from '../openpgp/payload.ts';
import type { OpenPgpRoot, Root } from '../root.ts';
import { type Finding, type Testimony, VerificationError } from '../testimony.ts';

/** As many as the extension takes of one manifest. */
const SIGNATURES_MAX = 64;

/**
 * OpenPGP signatures as podman, skopeo and buildah make them: containers-signature(5). They come to the signature
 * extension, one message each.
 */
export const simpleSigning: SignatureFormat = {
  name: 'simple-signing',
  async *find(subject, shelf) {
    const shelved = await shelf.signatures(subject.digest);
    for (const [index, one] of shelved.slice(0, SIGNATURES_MAX).entries()) {
      yield signatureOf(subject, one, `simple signature ${index + 1}, ${one.name}`);
    }
  },
};

function signatureOf(subject: Subject, { content }: ShelvedSignature, source: string): Signature {
  return {
    format: 'simple-signing',
    source,
    manifest: undefined,
    async check(roots, at) {
      try {
        return await look(content, { subject, at, rings: roots.filter(isRing) });
      } catch (error) {
        return { isAboutSubject: false, problem: wordsOf(error), testimonies: [] };
      }
    },
  };
}

interface Look {
  readonly subject: Subject;
  readonly rings: readonly OpenPgpRoot[];
  readonly at: number;
}

async function look(content: Uint8Array, { subject, rings, at }: Look): Promise<Finding> {
  const message = await readSignedMessage(content);
  const judgements: Judgement[] = [];
  for (const ring of rings) judgements.push(await judge(message, ring, at));
  // Only now: who signed is settled before anything of what they signed is believed.
  const claim = parsePayload(message.content);
  if (claim.digest !== subject.digest) {
    throw new VerificationError(
      'integrity',
      `expected a signature for ${subject.digest}, found one for ${claim.digest}`,
    );
  }
  const testimonies: Testimony[] = judgements.map((judgement) => ({
    ...judgement,
    predicateType: undefined,
    reference: claim.repository,
  }));
  const problem = rings.length === 0 ? 'no root of the configuration is a ring of OpenPGP keys' : undefined;
  return { isAboutSubject: true, problem, testimonies };
}

function isRing(root: Root): root is OpenPgpRoot {
  return root.kind === 'openpgp';
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : 'the signature cannot be read';
}
