import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '#config/load.ts';
import { printConfig } from '#config/print.ts';

const SECRET = 'hunter2-hunter2-hunter2-hunter2';
const parse = (audit: string) =>
  parseConfig(`audit: ${audit}`, { source: 'x', folder: '/', environment: { S: SECRET, SHORT: 'hunter2' } });
const problemsOf = (audit: string): string[] => {
  try {
    parse(audit);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, problem }) => `${path}: ${problem}`);
    throw error;
  }
  return [];
};
const hook = (more = '', name = 'a'): string =>
  `{name: ${name}, url: "https://hooks.example.com/x?y=1", secret: "\${env:S}"${more}}`;

describe('the options of the audit', () => {
  it('have their defaults', () => {
    expect(parse('{}').audit).toEqual({ keep: 90 * 86_400_000, pulls: false, webhooks: [] });
    expect(parse(`{webhooks: [${hook()}]}`).audit.webhooks).toEqual([
      {
        name: 'a',
        url: 'https://hooks.example.com/x?y=1',
        secret: { sign: expect.any(Function) },
        format: 'cloudevents',
        events: ['*'],
        repositories: ['**'],
        timeout: 10_000,
        giveUpAfter: 86_400_000,
      },
    ]);
  });

  it.each([
    [`{webhooks: [${hook()}, ${hook()}]}`, 'audit.webhooks: two webhooks have the same name'],
    [`{webhooks: [${hook('', 'A')}]}`, 'audit.webhooks.0.name: expected a name of at most 63'],
    [`{webhooks: [${hook(', events: ["manifests.*"]')}]}`, 'audit.webhooks.0.events.0: expected the kind of an event'],
    [`{webhooks: [${hook(', events: []')}]}`, 'audit.webhooks.0.events: expected the kind of an event'],
    [`{webhooks: [${hook(', repositories: ["A"]')}]}`, 'audit.webhooks.0.repositories.0: expected the name of a repo'],
    [`{webhooks: [${hook(', format: xml')}]}`, 'audit.webhooks.0.format: expected cloudevents or docker, found "xml"'],
    [`{webhooks: [${hook(', evnets: ["*"]')}]}`, 'audit.webhooks.0.evnets: unknown key'],
    ['{webhooks: [{name: a, url: "ftp://x", secret: "${env:S}"}]}', 'audit.webhooks.0.url: expected an http or https'],
    ['{webhooks: [{name: a, url: "https://u:p@x", secret: "${env:S}"}]}', 'audit.webhooks.0.url: expected an http'],
    ['{webhooks: [{name: a, url: "https://x/#y", secret: "${env:S}"}]}', 'audit.webhooks.0.url: expected an http'],
    ['{webhooks: [{name: a, url: "https://x"}]}', 'audit.webhooks.0.secret: expected a secret of at least 24 bytes'],
    ['{webhooks: [{name: a, url: "https://x", secret: "${env:SHORT}"}]}', 'audit.webhooks.0.secret: expected a secret'],
    ['{webhooks: {name: a, secret: "${env:S}"}}', 'audit.webhooks: expected a list of webhooks'],
    ['{webhooks: [["${env:S}"]]}', 'audit.webhooks.0: expected a webhook with keys of its own'],
    ['{keep: 1m}', 'audit.keep: expected a duration from 1h to 3650d'],
  ])('refuse %s', (text, problem) => {
    const problems = problemsOf(text);
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems.join()).not.toContain('hunter2');
  });

  it('suggest the key that was meant, in a list too', () => {
    const text = `{webhooks: [${hook(', evnets: ["*"]')}]}`;
    expect(() => parse(text)).toThrow(/did you mean events\?/);
  });

  it('are printed without the secret', () => {
    const printed = printConfig(parse(`{webhooks: [${hook()}]}`));
    expect(printed).toContain('secret: (secret, not shown here)');
    expect(printed).not.toContain('hunter2');
  });
});
