import { z } from 'zod';
import { durationBetween } from '#base/duration.ts';
import { EVENT_KINDS } from '#metadata/events.ts';
import { kindMatcher } from './webhooks/pattern.ts';
import { type SigningKey, signingKey } from './webhooks/signature.ts';

// Messages about a webhook never show what was found: it might be the secret, or an address with a token in it.
const NAME = 'expected a name of at most 63 lower-case letters, digits and -';
const URL_FORM = 'expected an http or https URL without user name, password and fragment';
const SECRET = 'expected a secret of at least 24 bytes, as it is or in base64 after whsec_';
const KIND = 'expected the kind of an event, such as manifest.push, or a glob that fits one, such as manifest.*';
const REPOSITORY = 'expected the name of a repository, or a glob such as team-a/**';

const url = z.string({ error: URL_FORM }).max(2048, URL_FORM).refine(isPlainUrl, URL_FORM);

// Printed as a placeholder: who may see the configuration need not see this.
const secret = z.codec(
  z.string({ error: SECRET }).refine((text) => signingKey(text) !== undefined, SECRET),
  z.custom<SigningKey>(),
  {
    decode: (text) => signingKey(text) ?? { sign: () => '' },
    encode: () => '(secret, not shown here)',
  },
);

const kind = z
  .string({ error: KIND })
  .regex(/^[a-z.*-]{1,64}$/, KIND)
  .refine((glob) => EVENT_KINDS.some(kindMatcher([glob])), KIND);

const webhook = z.strictObject(
  {
    name: z
      .string({ error: NAME })
      .regex(/^[a-z0-9-]{1,63}$/, NAME)
      .describe('under which its progress is kept'),
    url: url.describe('where events are posted to'),
    secret: secret.describe('what events are signed with'),
    format: z.enum(['cloudevents', 'docker']).prefault('cloudevents').describe('what the bodies look like'),
    events: z.array(kind).min(1, KIND).prefault(['*']).describe('kinds of events, with * for any letters'),
    repositories: z
      .array(z.string({ error: REPOSITORY }).regex(/^[a-z0-9._/*-]{1,255}$/, REPOSITORY))
      .min(1, REPOSITORY)
      .prefault(['**'])
      .describe('repositories whose events these are, with * for anything but /, and ** for anything'),
    // A timer holds at most 2^31 - 1 ms; a receiver that takes minutes holds up all that comes after.
    timeout: durationBetween('100ms', '5m').prefault('10s').describe('how long one delivery may take'),
    giveUpAfter: durationBetween('1m', '30d').prefault('24h').describe('how long one event is tried'),
  },
  { error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : 'expected a webhook with keys of its own') },
);

/** One receiver of events. */
export type WebhookOptions = z.infer<typeof webhook>;

/** What is recorded, for how long, and who is told. */
export const auditOptions = z.strictObject({
  keep: durationBetween('1h', '3650d').prefault('90d').describe('how long events are kept'),
  pulls: z.boolean().prefault(false).describe('whether pulls are recorded too'),
  webhooks: z
    .array(webhook, { error: 'expected a list of webhooks' })
    .refine((webhooks) => new Set(webhooks.map(({ name }) => name)).size === webhooks.length, {
      error: 'two webhooks have the same name',
      params: { remedy: 'give each a name of its own' },
    })
    .prefault([])
    .describe('receivers of events over HTTP'),
});

/** What {@link auditOptions} parses to. */
export type AuditOptions = z.infer<typeof auditOptions>;

function isPlainUrl(text: string): boolean {
  const parsed = URL.parse(text);
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) return false;
  // Credentials would end up in logs of proxies, and fetch refuses them; a fragment is never sent.
  return parsed.username === '' && parsed.password === '' && !text.includes('#');
}
