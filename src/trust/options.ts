import { z } from 'zod';
import { durationBetween } from '#base/duration.ts';
import { globProblem } from '#base/glob.ts';
import { policyProblems } from './policy-problems.ts';
import type { RequirementOptions } from './requirement.ts';
import { CHECKS } from './testimony.ts';

export type { RequirementOptions, StatementOptions } from './requirement.ts';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected lower-case letters, digits, . _ and -, at most 63 of them');

const path = z.string().min(1);
const paths = z.array(path).min(1).max(100);

/** Who may be trusted to say who signed. Exactly one kind each; see docs/trust.md. */
export const rootOptions = z
  .strictObject({
    keys: paths.optional().describe('PEM files of public keys'),
    sigstore: path.optional().describe('a trusted_root.json of sigstore'),
    x509: paths.optional().describe('PEM files of certificates that vouch for signatures of notation'),
    store: z.enum(['ca', 'signingAuthority']).optional().describe('which kind of trust store x509 is'),
    timeStamps: paths.optional().describe('PEM files of time stamp authorities, for x509'),
    revoked: z.array(path).max(100).optional().describe('certificate revocation lists for x509, files or URLs'),
    openpgp: path.optional().describe('a file of OpenPGP public keys, armored or binary'),
  })
  .superRefine((root, context) => {
    const kinds = [root.keys, root.sigstore, root.x509, root.openpgp].filter((one) => one !== undefined);
    if (kinds.length !== 1) {
      context.addIssue({
        code: 'custom',
        message: `expected one of keys, sigstore, x509, openpgp, found ${kinds.length}`,
      });
    }
    for (const key of ['store', 'timeStamps', 'revoked'] as const) {
      if (root[key] === undefined || root.x509 !== undefined) continue;
      context.addIssue({ code: 'custom', path: [key], message: `${key} is for a root of x509` });
    }
  });

/** What {@link rootOptions} parses to. */
export type RootOptions = z.infer<typeof rootOptions>;

const statement = z.strictObject({
  root: name,
  identity: z.string().min(1).optional(),
  identityPattern: z.string().min(1).max(1024).optional(),
  issuer: z.string().min(1).optional(),
  subject: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  predicateType: z.string().min(1).optional(),
  threshold: z.int().min(1).max(100).optional(),
});

const several = z.lazy(() => z.array(requirement).min(1).max(100));

const requirement: z.ZodType<RequirementOptions, RequirementOptions> = z.union(
  [
    statement,
    z.strictObject({ any: several }),
    z.strictObject({ all: several }),
    z.strictObject({ threshold: z.int().min(1).max(100), of: several }),
  ],
  {
    error:
      'expected { root } with identity, identityPattern, issuer, subject, key, predicateType or threshold; ' +
      'or any: [...]; or all: [...]; or { threshold, of: [...] }',
  },
);

const action = z.enum(['enforce', 'log', 'skip']);

/** What is asked of the tags of some repositories. */
export const policyOptions = z.strictObject({
  repositories: z
    .string()
    .refine((pattern) => globProblem(pattern) === undefined, {
      error: ({ input }) => globProblem(String(input)) ?? 'not a pattern',
    })
    .describe('which repositories, as a pattern; the most specific policy counts'),
  mode: z.enum(['off', 'audit', 'hold', 'strict']).prefault('hold').describe('what becomes of a push'),
  pull: z.enum(['open', 'enforce']).prefault('open').describe('whether pulls are looked at, too'),
  require: requirement.optional().describe('who has to have signed'),
  level: z
    .enum(['strict', 'permissive', 'audit', 'skip'])
    .prefault('strict')
    .describe('how much of a signature counts'),
  checks: z.partialRecord(z.enum(CHECKS), action).prefault({}).describe('exceptions from the level'),
  covers: z.enum(['children', 'none']).prefault('children').describe('what a signature on an index is good for'),
  reference: z
    .enum(['repository', 'any'])
    .prefault('repository')
    .describe('which repository a signature must be for that names one'),
  holdFor: durationBetween('1m', '365d').prefault('24h').describe('how long a tag is held before it lapses'),
});

/** What {@link policyOptions} parses to. */
export type PolicyOptions = z.infer<typeof policyOptions>;

/** Whose signatures count for what. */
export const trustOptions = z
  .strictObject({
    roots: z.record(name, rootOptions).prefault({}).describe('who may be trusted, by name'),
    policies: z.array(policyOptions).max(1000).prefault([]).describe('what is asked of which repositories'),
    judgeAgainEvery: durationBetween('1m', '30d')
      .prefault('24h')
      .describe('how long a verdict stands before it is looked at again'),
    simpleSigning: z
      .strictObject({
        extension: z
          .boolean()
          .prefault(false)
          .describe('whether podman and skopeo are told to bring and fetch OpenPGP signatures here'),
        lookaside: z.boolean().prefault(false).describe('whether the same are served as a lookaside store'),
      })
      .prefault({})
      .describe('OpenPGP signatures'),
  })
  .superRefine((options, context) => {
    for (const { path, problem, remedy } of policyProblems(options)) {
      context.addIssue({ code: 'custom', path: [...path], message: problem, params: { remedy }, input: undefined });
    }
  });

/** What {@link trustOptions} parses to: durations are milliseconds, paths as written. */
export type TrustOptions = z.infer<typeof trustOptions>;
