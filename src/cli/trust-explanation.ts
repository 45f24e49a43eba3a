import type { ShownSignature, TrustExplanation } from '#api/trust.ts';
import { momentText } from './output.ts';

// More are in --json.
const SIGNATURES_SHOWN = 20;

/** Whether a policy is satisfied, or asks nothing; what was released passes. */
export function isPassing({ policy, verdict, release }: TrustExplanation): boolean {
  if (release !== null || policy === null || (policy.mode === 'off' && policy.pull === 'open')) return true;
  return verdict !== null && verdict.satisfied && verdict.current;
}

/** Why an image is seen or not, for people: what it is, what is missing, who has signed, and what to type. */
export function explanationText(found: TrustExplanation): string {
  return [
    headline(found),
    ...fieldsOf(found).map(([name, words]) => `  ${name.padEnd(NAME_WIDTH)}${words}`),
    ...commandLines(found),
  ].join('\n');
}

const NAME_WIDTH = 11;

function headline(found: TrustExplanation): string {
  const { repository, tag, digest } = found;
  const name = tag === null ? `${repository}@${digest}` : `${repository}:${tag}`;
  const waiting = found.held.find((one) => one.tag === tag) ?? found.held[0];
  switch (found.state) {
    case 'visible':
      return `${name} is there for everybody${isPassing(found) ? '' : ', though its policy is not satisfied'}`;
    case 'held':
      return `${name} is held${heldText(waiting)}`;
    case 'withheld':
      return `${name} is kept apart: it came without what its policy asks for, and no tag waits for it`;
    case 'blocked':
      return `${name} is blocked: whoever only pulls does not get it`;
  }
}

function heldText(waiting: TrustExplanation['held'][number] | undefined): string {
  if (waiting === undefined) return '';
  const { since, by, lapsesAt } = waiting;
  return ` since ${momentText(since)}, pushed by ${by}; without a signature it is given up ${momentText(lapsesAt)}`;
}

function fieldsOf(found: TrustExplanation): [string, string][] {
  const { digest, policy, verdict, release } = found;
  const others = found.held.filter(({ tag }) => tag !== found.tag).map(({ tag }) => tag);
  return [
    ['image', `${digest}${publishedText(found)}`],
    ['policy', policy === null ? 'none speaks of this repository: nothing is asked' : policyText(policy)],
    ...(verdict === null && policy !== null ? [field('verdict', 'it was not judged yet')] : []),
    ...(verdict === null ? [] : [field('verdict', verdictText(verdict))]),
    ...(release === null ? [] : [field('released', `by ${release.by} ${momentText(release.at)}: ${release.reason}`)]),
    ...(others.length === 0 ? [] : [field('waiting', `also ${others.join(', ')}`)]),
    ...signatureFields(found.signatures),
  ];
}

function field(name: string, words: string): [string, string] {
  return [name, words];
}

/** What everybody else has under the tag meanwhile. */
function publishedText({ state, tag, pointsAt, digest }: TrustExplanation): string {
  if (state === 'visible' || tag === null) return '';
  if (pointsAt === null) return '; nobody else sees the tag';
  return pointsAt === digest ? '' : `; everybody else gets ${pointsAt}`;
}

function policyText({ label, mode, pull, level }: NonNullable<TrustExplanation['policy']>): string {
  const rest = [`mode ${mode}`, ...(pull === 'enforce' ? ['pull enforce'] : []), `level ${level}`];
  return `${label}: ${rest.join(', ')}`;
}

function verdictText(verdict: NonNullable<TrustExplanation['verdict']>): string {
  const { satisfied, summary, via, judgedAt, goodUntil, current } = verdict;
  return [
    `${satisfied ? 'satisfied' : 'not satisfied'}: ${summary}`,
    ...(via === null ? [] : [`through ${via}`]),
    ...(goodUntil === null ? [] : [`until ${momentText(goodUntil)}`]),
    `judged ${momentText(judgedAt)}${current ? '' : ', before something changed: it will be judged anew'}`,
  ].join('; ');
}

function signatureFields(signatures: readonly ShownSignature[]): [string, string][] {
  if (signatures.length === 0) return [['signed by', 'nobody yet']];
  const shown = signatures.slice(0, SIGNATURES_SHOWN).map(signatureText);
  const rest = signatures.length - shown.length;
  return [...shown, ...(rest > 0 ? [`${rest} more: --json has all of them`] : [])].map((words) =>
    field('signed by', words),
  );
}

/** The one testimony that says most: which counts, or is of a signer who is known. */
function signatureText({ format, source, problem, isAboutSubject, testimonies }: ShownSignature): string {
  const best =
    testimonies.find(({ counts }) => counts) ??
    testimonies.find(({ checks }) =>
      checks.some(({ check, outcome }) => check === 'authenticity' && outcome === 'pass'),
    ) ??
    testimonies[0];
  const where = `(${format}, ${source})`;
  if (best !== undefined) {
    const what = best.predicateType === null ? '' : `, ${best.predicateType}`;
    return `${best.signer}${what} ${where}: ${best.counts ? 'counts' : `does not count: ${best.why}`}`;
  }
  return `nobody ${where}: ${problem ?? (isAboutSubject ? 'no root knows it' : 'it is about something else')}`;
}

function commandLines({ missing, digest, state }: TrustExplanation): string[] {
  const wanted = missing.filter(({ commands }) => commands.length > 0);
  if (wanted.length === 0) return [];
  const isUnnamed = wanted.some(({ commands }) =>
    commands.some((command) => command.includes(`HOST/`) && command.includes(digest)),
  );
  return [
    state === 'visible' ? 'what would satisfy its policy:' : 'what would release it:',
    ...wanted.flatMap(({ words, commands }) => [`  ${words}`, ...commands.map((command) => `    ${command}`)]),
    ...(isUnnamed ? ['HOST stands for this registry: http.publicUrl would say its name here'] : []),
  ];
}
