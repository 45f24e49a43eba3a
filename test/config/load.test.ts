import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, type ConfigProblem, loadConfig, parseConfig } from '#config/load.ts';
import type { Config } from '#config/schema.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gatehouse-config-'));
  writeFileSync(join(folder, 'secret'), 'https://from-file.example\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function parse(text: string, environment: Record<string, string> = {}): Config {
  return parseConfig(text, { source: 'test.yaml', folder, environment });
}

function problemsOf(text: string, environment: Record<string, string> = {}): readonly ConfigProblem[] {
  try {
    parse(text, environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test('an empty file is all defaults, with paths beside the file', () => {
  expect(parse('')).toEqual({
    http: {
      listen: { host: '127.0.0.1', port: 5000 },
      publicUrl: undefined,
      plaintext: 'loopback',
      tls: { mode: 'off', auto: {}, files: {}, clientCertificates: { identities: [] } },
      shutdownTimeout: 30_000,
      idleTimeout: 120_000,
      maxHeaderSize: 32 * 1024,
      trustedProxies: ['127.0.0.0/8', '::1'],
      limits: { connectionsPerAddress: 1000, slowBody: { bytesPerSecond: 256, grace: 30_000 } },
      rateLimit: { perAddress: undefined, perIdentity: undefined },
      metrics: { access: 'loopback' },
    },
    access: {
      tokens: { lifetime: 300_000, refreshLifetime: 90 * 86_400_000, rotateKeysEvery: 30 * 86_400_000 },
      passwords: { failureDelay: 1000 },
      oidc: [],
    },
    storage: {
      driver: 'filesystem',
      filesystem: { root: join(folder, 'data/storage') },
      uploads: { expireAfter: 86_400_000, sweep: '*/10 * * * *' },
    },
    metadata: { driver: 'sqlite', sqlite: { path: join(folder, 'data/gatehouse.sqlite') } },
    registry: { manifests: { maxSize: 4 * 1024 ** 2, sparse: 'off' }, blobs: { maxSize: undefined } },
    trust: {
      roots: {},
      policies: [],
      judgeAgainEvery: 86_400_000,
      simpleSigning: { extension: false, lookaside: false },
    },
    retention: {
      undoWindow: 7 * 86_400_000,
      schedule: '0 3 * * *',
      timeZone: '',
      suspend: false,
      startDeadline: 3_600_000,
      brake: { maxShare: 0.5 },
      pulls: { ignore: [] },
      rules: [],
      collection: {
        schedule: '* * * * *',
        blobGrace: 3_600_000,
        referrerGrace: 86_400_000,
        orphans: '40 4 * * 0',
      },
    },
    audit: { keep: 90 * 86_400_000, pulls: false, webhooks: [] },
    log: { level: 'info' },
  });
});

test.each(['# nothing but a comment', 'http:\nlog:\n  level:', '{}', '---\n'])('%j is all defaults too', (text) => {
  expect(parse(text)).toEqual(parse(''));
});

test('the result is frozen through and through', () => {
  const config = parse('');
  expect([config, config.http, config.http.listen, config.storage.uploads].every(Object.isFrozen)).toBe(true);
});

test('an absolute path stays as it is', () => {
  expect(parse('metadata: {sqlite: {path: /var/lib/g.sqlite}}').metadata.sqlite.path).toBe('/var/lib/g.sqlite');
});

describe('http.listen', () => {
  test.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['127.9.9.9:65535', { host: '127.9.9.9', port: 65_535 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
    ['[::1]:5000', { host: '::1', port: 5000 }],
  ])('may be %s', (listen, address) => {
    expect(parse(`http: {listen: "${listen}"}`).http.listen).toEqual(address);
  });

  test.each([
    '',
    ':5000',
    '127.0.0.1',
    '127.0.0.1:',
    '::1:5000',
    '[::1]',
    '1.2.3:5',
    '256.0.0.1:5',
    '127.0.0.1:65536',
    'http://x:1',
  ])('may not be %j', (listen) => {
    expect(problemsOf(`http: {listen: "${listen}"}`)).toEqual([
      {
        path: 'http.listen',
        problem: `expected an address and a port such as 127.0.0.1:5000 or [::1]:5000, found ${JSON.stringify(listen)}`,
        remedy: 'correct it, or remove the line to get the default, 127.0.0.1:5000',
      },
    ]);
  });

  test.each(['0.0.0.0:5000', '[::]:5000', '10.0.0.1:5000', 'registry.example:80', '[fe80::1]:5000'])(
    'is refused for plain HTTP on %s, unless that is asked for',
    (listen) => {
      expect(problemsOf(`http: {listen: "${listen}"}`)).toEqual([
        {
          path: 'http.listen',
          problem: 'plain HTTP would leave this machine, and passwords with it',
          remedy:
            'set http.tls.mode: auto, put a TLS-terminating proxy in front and listen on 127.0.0.1, or set http.plaintext: anywhere if the network is trusted',
        },
      ]);
      expect(problemsOf(`http: {listen: "${listen}", plaintext: anywhere}`)).toEqual([]);
      expect(problemsOf(`http: {listen: "${listen}", tls: {mode: auto}}`)).toEqual([]);
    },
  );
});

describe('http.tls', () => {
  test('has paths beside the file', () => {
    const files = 'files: {certificate: tls/a.crt, key: /run/a.key}';
    const clients = 'clientCertificates: {authority: ca.pem, identities: [{from: dns, match: "*.example.com"}]}';
    const { tls } = parse(`http: {tls: {mode: files, ${files}, ${clients}}}`).http;
    expect([tls.files, tls.clientCertificates.authority]).toEqual([
      { certificate: join(folder, 'tls/a.crt'), key: '/run/a.key' },
      join(folder, 'ca.pem'),
    ]);
  });

  test.each([
    ['mode: files', ['files.certificate', 'files.key'], 'http.tls.mode is files, and this file is not named'],
    ['mode: files, files: {key: a}', ['files.certificate'], 'http.tls.mode is files, and this file is not named'],
    ['mode: auto, auto: {names: ["a b"]}', ['auto.names.0'], 'such as registry.example.com or 10.0.0.7, found "a b"'],
    ['mode: auto, auto: {names: ["10.0.0.256"]}', ['auto.names.0'], 'found "10.0.0.256"'],
    ['clientCertificates: {authority: a, identities: [{from: dns, match: a}]}', ['clientCertificates'], 'mode is off'],
    ['mode: auto, clientCertificates: {authority: a}', ['clientCertificates.identities'], 'this is an empty list'],
    [
      'mode: auto, clientCertificates: {identities: [{from: dns, match: a}]}',
      ['clientCertificates.authority'],
      'expected the authorities that vouch for client certificates, found nothing',
    ],
  ])('%s is refused', (tls, paths, problem) => {
    const problems = problemsOf(`http: {tls: {${tls}}}`);
    expect(problems.map(({ path }) => path)).toEqual(paths.map((path) => `http.tls.${path}`));
    for (const one of problems) expect(one.problem).toContain(problem);
  });
});

describe('http.publicUrl', () => {
  test.each([
    ['https://registry.example.com', 'https://registry.example.com'],
    ['https://registry.example.com/', 'https://registry.example.com'],
    ['http://10.0.0.1:8080', 'http://10.0.0.1:8080'],
  ])('%s becomes %s', (text, origin) => {
    expect(parse(`http: {publicUrl: "${text}"}`).http.publicUrl).toBe(origin);
  });

  test.each([
    'registry.example.com',
    'ftp://x',
    'https://x/path',
    'https://x?q',
    'https://x/?',
    'https://x/#f',
    'https://u:p@x',
  ])('may not be %s', (text) => {
    expect(problemsOf(`http: {publicUrl: "${text}"}`).map(({ path }) => path)).toEqual(['http.publicUrl']);
  });
});

describe('problems', () => {
  test('come out all at once: unknown keys, wrong types, bounds, and what does not go together', () => {
    const found = problemsOf(`
http: { listn: 5, listen: "0.0.0.0:80", idleTimeout: 0s, metrics: { acess: anyone } }
storage: 4
metadata: { sqlite: { path: 5 } }
registry: { manifests: { sparse: maybe, maxSize: 1KB } }
log: { level: "\${env:NO_SUCH}" }
whatever: 1
`);
    expect(found.map(({ path, problem }) => `${path}: ${problem}`).toSorted()).toEqual([
      'http.idleTimeout: expected a duration from 1s to 24d, found 0s',
      'http.listen: plain HTTP would leave this machine, and passwords with it',
      'http.listn: unknown key',
      'http.metrics.acess: unknown key',
      'log.level: the environment variable NO_SUCH is not set',
      'metadata.sqlite.path: expected text, found 5',
      'registry.manifests.maxSize: expected a size from 64KiB to 64MiB, found 1KB',
      'registry.manifests.sparse: expected off or indexes or everything, found "maybe"',
      'storage: expected keys of its own, found 4',
      'whatever: unknown key',
    ]);
  });

  test.each([
    ['log: {levle: info}', 'did you mean level?'],
    ['http: {lsiten: 5}', 'did you mean listen?'],
    ['htpp: {}', 'did you mean http?'],
    ['http: {shutdown_timeout: 5s}', 'did you mean shutdownTimeout?'],
    ['log: {colour: red}', 'remove it; the keys here are level'],
    ['retention: {rules: [{repositories: a, keepMostRecet: 3}]}', 'did you mean keepMostRecent?'],
  ])('of %s come with the remedy "%s"', (text, remedy) => {
    expect(problemsOf(text).map((one) => one.remedy)).toEqual([remedy]);
  });

  test('stand on lines of their own in the message', () => {
    expect(() => parse('log: {levle: info, level: 5}')).toThrow(
      new ConfigError('test.yaml', [
        {
          path: 'log.level',
          problem: 'expected debug or info or warn or error or silent, found 5',
          remedy: 'correct it, or remove the line to get the default, info',
        },
        { path: 'log.levle', problem: 'unknown key', remedy: 'did you mean level?' },
      ]),
    );
    expect(new ConfigError('f', [{ path: 'a', problem: 'b', remedy: 'c' }]).message).toBe(
      'f: 1 problem\n  a: b\n    → c',
    );
  });

  test('of an empty path say that text is wanted', () => {
    expect(problemsOf('storage: {filesystem: {root: ""}}').map(({ problem }) => problem)).toEqual([
      'expected some text, found ""',
    ]);
  });

  test.each(['- 1', 'just text', '5'])('%j is no configuration', (text) => {
    expect(problemsOf(text).map(({ path }) => path)).toEqual(['(the file)']);
  });
});

describe('YAML', () => {
  test.each([
    ['log:\n  level: info\n  level: warn', 'line 3, column 3', 'this key stands here twice'],
    ['http: {}\nhttp: {}', 'line 2, column 1', 'this key stands here twice'],
  ])('refuses a key that stands twice in %j', (text, path, problem) => {
    expect(problemsOf(text)).toEqual([{ path, problem, remedy: 'keep one of them' }]);
  });

  test('says line and column of a slip, once', () => {
    const found = problemsOf('http:\n  listen: "127.0.0.1:5000\nlog: {level: info}\n');
    expect(found).toHaveLength(1);
    expect(found[0]?.path).toMatch(/^line \d+, column \d+$/);
    expect(problemsOf('log:\n\tlevel: info')[0]?.path).toBe('line 2, column 1');
  });
});

describe('substitution', () => {
  test('puts in environment variables and files, in part or whole', () => {
    const text = 'http: {publicUrl: "${file:secret}", listen: "${env:HOST}:${env:PORT}"}';
    const { http } = parse(text, { HOST: '127.0.0.2', PORT: '81' });
    expect(http.publicUrl).toBe('https://from-file.example');
    expect(http.listen).toEqual({ host: '127.0.0.2', port: 81 });
  });

  test('lets $${ stand for ${', () => {
    expect(parse('storage: {filesystem: {root: "/a/$${env:B}"}}').storage.filesystem.root).toBe('/a/${env:B}');
  });

  test('does not look into what it put in', () => {
    expect(parse('storage: {filesystem: {root: "/${env:A}"}}', { A: '${env:B}' }).storage.filesystem.root).toBe(
      '/${env:B}',
    );
  });

  test.each([
    ['${env:NO}', 'the environment variable NO is not set'],
    ['${evn:NO}', 'expected ${env:NAME} or ${file:path}, found ${evn:NO}'],
    ['${env:}', 'expected ${env:NAME} or ${file:path}, found ${env:}'],
  ])('refuses %s', (reference, problem) => {
    expect(problemsOf(`log: {level: "${reference}"}`).map((one) => one.problem)).toEqual([problem]);
  });

  test('names a file that cannot be read', () => {
    expect(problemsOf('log: {level: "${file:none}"}').map((one) => one.problem)).toEqual([
      `cannot read ${join(folder, 'none')} (ENOENT)`,
    ]);
  });

  test('shows what was written and never the secret', () => {
    expect(problemsOf('log: {level: "${env:S}"}', { S: 'hunter2' })[0]?.problem).toBe(
      'expected debug or info or warn or error or silent, found ${env:S}',
    );
    expect(problemsOf('http: {idleTimeout: "${env:S}"}', { S: 'hunter2' })[0]?.problem).toBe(
      'expected a duration such as 30s, 10m, 24h or 7d, found ${env:S}',
    );
  });
});

describe('loadConfig', () => {
  test('reads a file and resolves against its folder', async () => {
    const file = join(folder, 'some.yaml');
    writeFileSync(file, 'storage: {filesystem: {root: blobs}}');
    const config = await loadConfig({ file, environment: {} });
    expect(config.storage.filesystem.root).toBe(join(folder, 'blobs'));
  });

  test('says that a file is not there', async () => {
    const file = join(folder, 'none.yaml');
    await expect(loadConfig({ file, environment: {} })).rejects.toThrow(
      new ConfigError('configuration', [
        {
          path: file,
          problem: 'there is no such file',
          remedy: 'name another with --config, or create it: an empty file means all defaults',
        },
      ]),
    );
  });
});
