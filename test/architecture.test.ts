import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** What a room may import. `only` narrows every room named in `rooms` to files of that name. */
interface Row {
  rooms: readonly string[];
  packages: readonly string[];
  only?: string;
}

/*
 * The import table of docs/architecture.md. A row may name only rows above it, so a cycle between rooms cannot be
 * written down; a new room gets its row in the commit that makes its folder.
 */
const TABLE: Record<string, Row> = {
  storage: { rooms: [], packages: ['zod'] },
  base: { rooms: [], packages: ['zod'] },
  oci: { rooms: [], packages: ['zod'] },
  observe: { rooms: ['base'], packages: ['pino', 'prom-client', 'zod'] },
  metadata: { rooms: ['base', 'oci'], packages: ['better-sqlite3', 'zod'] },
  tls: { rooms: ['base', 'metadata'], packages: ['@peculiar/x509', 'reflect-metadata', 'zod'] },
  jobs: { rooms: ['base', 'observe', 'metadata'], packages: ['node-cron', 'zod'] },
  registry: { rooms: ['storage', 'base', 'oci', 'metadata'], packages: ['lru-cache', 'zod'] },
  api: { rooms: ['base', 'oci'], packages: ['zod'] },
  audit: { rooms: ['base', 'oci', 'metadata'], packages: ['zod'] },
  access: { rooms: ['base', 'oci', 'metadata', 'api', 'audit'], packages: ['bcryptjs', 'jose', 'lru-cache', 'zod'] },
  trust: {
    rooms: ['storage', 'base', 'oci', 'metadata', 'registry', 'api'],
    packages: ['@noble/curves', '@sigstore/core', '@sigstore/protobuf-specs', 'cbor2', 'lru-cache', 'openpgp', 'zod'],
  },
  retention: { rooms: ['storage', 'base', 'oci', 'metadata', 'registry', 'api'], packages: ['zod'] },
  http: {
    rooms: [
      'storage',
      'base',
      'oci',
      'observe',
      'metadata',
      'tls',
      'registry',
      'api',
      'access',
      'trust',
      'retention',
      'audit',
    ],
    packages: ['koa', '@koa/router', 'lru-cache', 'zod'],
  },
  config: {
    rooms: [
      'storage',
      'base',
      'observe',
      'metadata',
      'tls',
      'jobs',
      'registry',
      'access',
      'trust',
      'retention',
      'audit',
      'http',
    ],
    packages: ['yaml', 'zod'],
    only: 'options.ts',
  },
  'app.ts': {
    rooms: [
      'storage',
      'observe',
      'metadata',
      'tls',
      'jobs',
      'registry',
      'api',
      'access',
      'trust',
      'retention',
      'audit',
      'http',
      'config',
    ],
    packages: [],
  },
  cli: { rooms: ['base', 'oci', 'api', 'config', 'app.ts'], packages: ['commander', 'cli-progress', 'zod'] },
  'main.ts': { rooms: ['cli'], packages: [] },
};

/** A room's folder or root file, from a path such as `src/oci/digest.ts`, `src/app.ts` or `storage/open.ts`. */
function roomOf(path: string): string {
  const [top, second] = path.split('/');
  return top === 'src' ? (second ?? '') : (top ?? '');
}

interface Import {
  from: string;
  /** What stands between the quotes, or `undefined` when it is computed. */
  specifier: string | undefined;
}

/** Every import, export-from and dynamic import of a file, type-only ones too. */
function importsOf(path: string, source: string): Import[] {
  const stringOrComment = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  const code = source.replace(stringOrComment, (found) => (found.startsWith('/') ? ' ' : found));
  // Not behind a quote: 'import' is a word there, such as the name of a command.
  const statement = /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*['"]([^'"]+)['"]|(?<!['"])\bimport\s*['"]([^'"]+)['"]/g;
  const dynamic = /\bimport\s*\(\s*(?:(['"])([^'"]+)\1)?/g;
  const found = [
    ...Array.from(code.matchAll(statement), (match) => match[1] ?? match[2]),
    ...Array.from(code.matchAll(dynamic), (match) => match[2]),
  ];
  return found.map((specifier) => ({ from: path, specifier }));
}

/** The file of the tree an import leads to, or `undefined` for a package or a part of Node. */
function targetOf({ from, specifier }: Import): string | undefined {
  if (specifier?.startsWith('.')) return normalize(join(dirname(from), specifier));
  if (specifier?.startsWith('#storage/') || specifier?.startsWith('#test/')) return specifier.slice(1);
  if (specifier?.startsWith('#')) return `src/${specifier.slice(1)}`;
  return undefined;
}

/** What is wrong with one import, or `undefined`. */
function faultOf(found: Import, files: ReadonlyMap<string, string>): string | undefined {
  const { from, specifier } = found;
  const room = roomOf(from);
  const row = TABLE[room];
  // A room without a row is reported once, as a room.
  if (row === undefined) return undefined;
  if (specifier === undefined) {
    return from.endsWith('/open.ts') ? undefined : `${from} imports what it computes: only an open.ts may`;
  }
  if (specifier === 'node:module') return `${from} imports node:module, which hides imports from this test`;
  if (specifier.startsWith('node:')) return undefined;
  const target = targetOf(found);
  if (target === undefined) {
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    return row.packages.includes(name) ? undefined : `${from} imports the package ${name}: ${room} may not`;
  }
  if (!files.has(target)) return `${from} imports ${specifier}, which is no file of the tree`;
  return crossingFault(from, specifier, target, row);
}

function crossingFault(from: string, specifier: string, target: string, row: Row): string | undefined {
  const room = roomOf(from);
  const other = roomOf(target);
  if (room === other) {
    return specifier.startsWith('#') ? `${from} imports ${specifier}: inside a room it is spelt ./` : undefined;
  }
  // The two files at the root of src have no room to name: main.ts → ./cli/x.ts, cli → ../app.ts.
  const isRootFile = from === 'src/main.ts' || target === 'src/app.ts';
  if (specifier.startsWith('.') && !isRootFile)
    return `${from} imports ${specifier}: crossing a room is spelt #${other}/`;
  if (!row.rooms.includes(other)) return `${from} imports ${specifier}: ${room} may not import ${other}`;
  if (row.only === undefined || other === 'base') return undefined;
  return target.endsWith(`/${row.only}`)
    ? undefined
    : `${from} imports ${specifier}: ${room} may import only ${row.only}`;
}

function tableFaults(table: Readonly<Record<string, Row>>): string[] {
  const names = Object.keys(table);
  return Object.entries(table).flatMap(([room, row]) =>
    row.rooms
      .filter((other) => !names.slice(0, names.indexOf(room)).includes(other))
      .map((other) => `the row of ${room} names ${other}, which is no row above it`),
  );
}

function fileFaults(path: string, source: string): string[] {
  const faults: string[] = [];
  const lines = source.trimEnd().split('\n').length;
  if (TABLE[roomOf(path)] === undefined) faults.push(`${path} lies in ${roomOf(path)}, which has no row in the table`);
  if (lines > 400) faults.push(`${path} has ${lines} lines: 400 is the most`);
  if (/(^|\/)(utils?|helpers?|common)(\/|\.ts$)/.test(path)) faults.push(`${path} is named after no subject`);
  return faults;
}

/** Each cycle of files once, as the path that leads back to its first file. */
function cyclesOf(files: ReadonlyMap<string, string>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push(`cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`);
    if (done.has(path)) return;
    done.add(path);
    for (const found of importsOf(path, files.get(path) ?? '')) {
      const target = targetOf(found);
      if (target !== undefined && files.has(target)) visit(target, [...trail, path]);
    }
  };
  for (const path of files.keys()) visit(path, []);
  return cycles;
}

function faultsOf(files: ReadonlyMap<string, string>): string[] {
  const imports = [...files].flatMap(([path, source]) => importsOf(path, source));
  // A check that sees nothing finds nothing: seen with a ready-made tool, which passed a planted violation.
  if (imports.length < files.size) return [`saw ${imports.length} imports in ${files.size} files: that cannot be all`];
  return [
    ...[...files].flatMap(([path, source]) => fileFaults(path, source)),
    ...imports.map((found) => faultOf(found, files)).filter((fault) => fault !== undefined),
    ...cyclesOf(files),
  ];
}

async function readTree(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const top of ['src', 'storage']) {
    const folder = new URL(`../${top}/`, import.meta.url);
    for (const path of (await readdir(folder, { recursive: true })).sort()) {
      if (path.endsWith('.ts')) files.set(`${top}/${path}`, await readFile(new URL(path, folder), 'utf8'));
    }
  }
  return files;
}

describe('the house', () => {
  test('keeps its import table', async () => {
    expect(faultsOf(await readTree())).toEqual([]);
  });

  test('is seen whole: files, imports, and every line that looks like one', async () => {
    const files = await readTree();
    const imports = [...files].flatMap(([path, source]) => importsOf(path, source));
    // Another way of counting, so that a blind spot of the parser shows: formatted imports end in "from '…';".
    const endings = [...files.values()].flatMap((source) => source.match(/^(import|export|\}).* from '.+';$/gm) ?? []);
    expect(files.size).toBeGreaterThan(20);
    expect(imports.length).toBeGreaterThan(60);
    expect(imports.length).toBeGreaterThanOrEqual(endings.length);
  });

  test('has a row for every folder and every file at the root of src', async () => {
    const entries = await readdir(new URL('../src/', import.meta.url));
    expect(entries.filter((entry) => TABLE[entry] === undefined)).toEqual([]);
  });

  test('has a table whose rows name only rows above them', () => {
    expect(tableFaults(TABLE)).toEqual([]);
    expect(tableFaults({ low: { rooms: ['high'], packages: [] }, high: { rooms: [], packages: [] } })).toEqual([
      'the row of low names high, which is no row above it',
    ]);
  });
});

describe('the check', () => {
  const sound = {
    'storage/driver.ts': "import { z } from 'zod';",
    'storage/drivers/disk.ts': "import { open } from 'node:fs/promises';\nimport type { A } from '../driver.ts';",
    'src/base/mutex.ts': "import { setTimeout } from 'node:timers';",
    'src/oci/digest.ts': "import { createHash } from 'node:crypto';",
    'src/metadata/open.ts': "import type { B } from './sql.ts';\nawait import(new URL(name, BACKENDS).href);",
    'src/metadata/sql.ts': "import Database from 'better-sqlite3';\nimport '#base/mutex.ts';",
    'src/metadata/options.ts': "import { z } from 'zod';",
    'src/http/app.ts':
      "import Koa from 'koa';\nimport Router from '@koa/router';\nimport { x } from '#metadata/sql.ts';",
    'src/config/schema.ts': "import { a } from '#metadata/options.ts';\nimport { b } from '#base/mutex.ts';",
    'src/app.ts': "import { a } from '#http/app.ts';",
    'src/cli/serve.ts': "import { a } from '../app.ts';\nimport { Command } from 'commander';",
    'src/main.ts': "import './cli/serve.ts';",
  };

  const faultsWith = (planted: Record<string, string>): string[] =>
    faultsOf(new Map(Object.entries({ ...sound, ...planted })));

  test('lets a sound house pass', () => {
    expect(faultsWith({})).toEqual([]);
  });

  test('refuses a tree in which it sees no imports', () => {
    const blank = Object.fromEntries(Object.keys(sound).map((path) => [path, 'const nothing = 0;']));
    expect(faultsWith(blank)).toEqual(['saw 0 imports in 12 files: that cannot be all']);
  });

  test.each([
    ['src/oci/digest.ts', "import { x } from '#metadata/sql.ts';", 'oci may not import metadata'],
    ['src/oci/digest.ts', "import type { X } from '#metadata/sql.ts';", 'oci may not import metadata'],
    ['src/oci/digest.ts', "import {\n  type X,\n  y,\n} from '#metadata/sql.ts';", 'oci may not import metadata'],
    ['src/oci/digest.ts', "export * from '#metadata/sql.ts';", 'oci may not import metadata'],
    ['src/oci/digest.ts', "export type { X } from '#metadata/sql.ts';", 'oci may not import metadata'],
    ['src/oci/digest.ts', "const x = await import('#metadata/sql.ts');", 'oci may not import metadata'],
    ['src/oci/digest.ts', 'import { x } from "#metadata/sql.ts";', 'oci may not import metadata'],
    ['src/oci/digest.ts', "/* a */ import { x } from '#metadata/sql.ts'; // b", 'oci may not import metadata'],
    ['src/oci/digest.ts', "let x: import('#metadata/sql.ts').X;", 'oci may not import metadata'],
    ['src/oci/digest.ts', "const u = 'http://x'; import '#metadata/sql.ts';", 'oci may not import metadata'],
    ['storage/driver.ts', "import { x } from '#base/mutex.ts';", 'storage may not import base'],
    ['storage/driver.ts', "import { x } from '../src/base/mutex.ts';", 'crossing a room is spelt #base/'],
    ['src/access/roles.ts', "import { x } from '#http/app.ts';", 'access may not import http'],
    ['src/http/app.ts', "import Database from 'better-sqlite3';", 'the package better-sqlite3: http may not'],
    ['src/metadata/sql.ts', "import Router from '@koa/router';", 'the package @koa/router: metadata may not'],
    ['src/cli/serve.ts', "import { x } from 'koa/lib/request.js';", 'the package koa: cli may not'],
    ['src/cli/serve.ts', "import { x } from '#http/app.ts';", 'cli may not import http'],
    ['src/main.ts', "import { x } from './app.ts';", 'main.ts may not import app.ts'],
    ['src/app.ts', "import { x } from '#oci/digest.ts';", 'app.ts may not import oci'],
    ['src/app.ts', "import { x } from './http/app.ts';", 'crossing a room is spelt #http/'],
    ['src/config/schema.ts', "import { x } from '#metadata/sql.ts';", 'config may import only options.ts'],
    ['src/http/app.ts', "import { x } from '../metadata/sql.ts';", 'crossing a room is spelt #metadata/'],
    ['src/metadata/sql.ts', "import { x } from '#metadata/options.ts';", 'inside a room it is spelt ./'],
    ['src/http/app.ts', "import { x } from '#test/support/clock.ts';", 'is no file of the tree'],
    ['src/http/app.ts', "import { x } from '#metadata/sql.js';", 'is no file of the tree'],
    ['src/http/app.ts', 'await import(name);', 'only an open.ts may'],
    ['src/http/app.ts', "import { createRequire } from 'node:module';", 'hides imports from this test'],
    ['src/scan/gate.ts', "import { x } from '#oci/digest.ts';", 'scan, which has no row in the table'],
    ['src/http/utils.ts', "import Koa from 'koa';", 'is named after no subject'],
    ['src/http/helpers/a.ts', "import Koa from 'koa';", 'is named after no subject'],
    ['src/base/common.ts', "import 'zod';", 'is named after no subject'],
    ['src/oci/digest.ts', "import 'zod';\n".repeat(401), 'has 401 lines: 400 is the most'],
    ['src/metadata/sql.ts', "import type { X } from './open.ts';\nimport 'zod';", 'cycle: src/metadata/'],
  ])('sees what was planted in %s: %j', (path, source, want) => {
    const faults = faultsWith({ [path]: source });
    expect(faults).toEqual([expect.stringContaining(want)]);
  });

  test('is not fooled by comments', () => {
    const source =
      "// import { x } from '#metadata/sql.ts';\n/**\n * import '#metadata/sql.ts'\n */\nimport 'node:fs';";
    expect(faultsWith({ 'src/oci/digest.ts': source })).toEqual([]);
  });
});
