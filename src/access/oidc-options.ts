import { z } from 'zod';
import { durationBetween } from '#base/duration.ts';
import { prefixFault, templateFault } from './user-template.ts';

// No `none`, and nothing with a shared secret: an issuer's public key would do as one.
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'PS256', 'RS384', 'RS512', 'ES384', 'ES512'] as const;

const text = (expected: string): z.ZodString =>
  z.string({ error: ({ input }) => `expected ${expected}, found ${JSON.stringify(input) ?? 'nothing'}` });

/** Written as one text or as a list of them; a list once parsed. */
const oneOrMore = (expected: string) => {
  const error = ({ input }: { input?: unknown }): string =>
    `expected ${expected}, or a list of them, found ${JSON.stringify(input) ?? 'nothing'}`;
  const word = z.string({ error }).min(1, { error });
  return z.codec(z.union([word, z.array(word).min(1, { error })], { error }), z.array(z.string()), {
    decode: (written) => (typeof written === 'string' ? [written] : written),
    encode: (list) => (list.length === 1 ? (list[0] ?? list) : list),
  });
};

const url = text('a URL such as https://issuer.example.com').refine(isSafeUrl, {
  error: ({ input }) =>
    `expected an https URL without name, query and fragment (http only for this machine), found ${JSON.stringify(input)}`,
});

const claim = text('the name of a claim').min(1, { error: 'expected the name of a claim, found nothing' });

const issuer = z
  .strictObject({
    name: text('a word such as github')
      .regex(/^[a-z][a-z0-9-]{0,31}$/, { error: 'expected a word of 1 to 32 of a-z 0-9 - that begins with a letter' })
      .describe('what the issuer is called in logs'),
    issuer: url.describe('the iss of its tokens, to the letter'),
    audience: oneOrMore('an audience such as gatehouse').describe('the aud that tokens for this registry have'),
    jwksUrl: url.optional().describe('where its keys are; left out: where its discovery document says'),
    kind: z
      .enum(['claims', 'kubernetes'])
      .prefault('claims')
      .describe('claims: names are made of claims; kubernetes: they are those of service accounts'),
    user: text('a template such as github:{repository}')
      .superRefine((template, context) => {
        const fault = templateFault(template);
        if (fault !== undefined) context.addIssue({ code: 'custom', message: fault, input: template });
      })
      .optional()
      .describe('a name made of claims, such as github:{repository}:{ref}'),
    groups: z
      .strictObject({
        claim: claim.describe('the claim that lists the groups'),
        prefix: text('a prefix such as corp:')
          .superRefine((prefix, context) => {
            const fault = prefixFault(prefix);
            if (fault !== undefined) context.addIssue({ code: 'custom', message: fault, input: prefix });
          })
          .describe('what their names get in front, such as corp:'),
      })
      .optional()
      .describe('groups the issuer vouches for'),
    conditions: z
      .record(z.string(), oneOrMore('a pattern in quotes such as "acme/*"'))
      .prefault({})
      .describe('claims a token must have, each with patterns of which one must fit'),
    clockTolerance: durationBetween('0s', '5m').prefault('30s').describe('how far its clock may be from ours'),
    algorithms: z
      .array(z.enum(ALGORITHMS))
      .min(1, { error: `expected one or more of ${ALGORITHMS.join(', ')}` })
      .prefault([...ALGORITHMS])
      .describe('what its signatures may be made with'),
  })
  .superRefine(checkKind, { when: ({ value }) => typeof value === 'object' && value !== null });

/** One issuer whose tokens are taken. */
export type OidcIssuer = z.infer<typeof issuer>;

/** The issuers whose tokens are taken. */
export const oidcOptions = z
  .array(issuer)
  .superRefine(checkTogether, { when: ({ value }) => Array.isArray(value) })
  .describe('issuers whose tokens are taken');

/** What {@link oidcOptions} parses to. */
export type OidcOptions = z.infer<typeof oidcOptions>;

/** As far as checks of several keys read them. */
type Sound = Pick<OidcIssuer, 'name' | 'issuer' | 'kind' | 'user' | 'groups'>;

function checkKind({ kind, user, groups }: Sound, context: z.RefinementCtx): void {
  const refuse = (key: string, message: string, remedy: string): void =>
    context.addIssue({ code: 'custom', path: [key], message, params: { remedy }, input: undefined });
  const isSound = !context.issues.some(({ path }) => path?.[0] === 'kind');
  if (!isSound) return;
  if (kind === 'claims' && user === undefined) {
    refuse('user', 'expected a template, found nothing', 'add one such as github:{repository}, or kind: kubernetes');
  }
  const given =
    kind === 'kubernetes' ? Object.entries({ user, groups }).filter(([, value]) => value !== undefined) : [];
  for (const [key] of given) {
    refuse(key, 'service accounts have names and groups of their own', 'remove it, or the kind: kubernetes beside it');
  }
}

/** No two issuers may be able to make the same name: each of them must be the only one to vouch for it. */
function checkTogether(issuers: readonly Sound[], context: z.RefinementCtx): void {
  const unsound = new Set(context.issues.map(({ path }) => path?.[0]));
  const seen = new Map<string, string>();
  for (const [index, one] of issuers.entries()) {
    if (unsound.has(index)) continue;
    const keys = distinguishing(one);
    const taken = keys.filter(({ what }) => seen.has(what));
    for (const { path, what, remedy } of taken) {
      const message = `${seen.get(what)} and ${one.name} both have ${what}`;
      context.addIssue({ code: 'custom', path: [index, ...path], message, params: { remedy }, input: undefined });
    }
    for (const { what } of keys) if (!seen.has(what)) seen.set(what, one.name);
  }
}

interface Distinguishing {
  readonly path: readonly string[];
  readonly what: string;
  readonly remedy: string;
}

function distinguishing({ name, issuer: iss, kind, user, groups }: Sound): Distinguishing[] {
  const other = 'give one of them another prefix';
  const userPrefix = user?.slice(0, user.indexOf(':') + 1);
  const keys: (Distinguishing | undefined)[] = [
    { path: ['name'], what: `the name ${name}`, remedy: 'rename one of them' },
    { path: ['issuer'], what: `the issuer ${iss}`, remedy: 'join them: audience and conditions may be lists' },
    kind === 'kubernetes'
      ? {
          path: ['kind'],
          what: 'service accounts',
          remedy: 'keep one: names of several clusters could not be told apart',
        }
      : undefined,
    userPrefix === undefined ? undefined : { path: ['user'], what: `the prefix ${userPrefix}`, remedy: other },
    groups === undefined || groups.prefix === userPrefix
      ? undefined
      : { path: ['groups', 'prefix'], what: `the prefix ${groups.prefix}`, remedy: other },
  ];
  return keys.filter((key) => key !== undefined);
}

function isSafeUrl(written: string): boolean {
  if (!URL.canParse(written) || /[\p{C}\p{Z}]/u.test(written)) return false;
  const { protocol, username, password, search, hash } = new URL(written);
  const isBare = username === '' && password === '' && search === '' && hash === '' && !/[?#]/.test(written);
  return isBare && (protocol === 'https:' || isLocalHttp(written));
}

/** Whether a URL is plain HTTP to this machine, where nobody in between can answer instead. */
export function isLocalHttp(written: string): boolean {
  if (!URL.canParse(written)) return false;
  const { protocol, hostname } = new URL(written);
  return protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
