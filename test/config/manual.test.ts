import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LineCounter, isMap, isScalar, parse, parseDocument, visit } from 'yaml';
import { parseConfig, standardConfigFile } from '#config/load.ts';
import { printConfig } from '#config/print.ts';
import { configJsonSchema } from '#config/schema.ts';

const text = readFileSync(standardConfigFile, 'utf8');
const sources = { source: 'x', folder: dirname(standardConfigFile), environment: {} };

describe('registry.config.yaml', () => {
  test('says nothing but the defaults', () => {
    expect(parseConfig(text, sources)).toEqual(parseConfig('', sources));
  });

  test('has every key of the schema and no other, in the same order', () => {
    const keys = keysOf(parse(text));
    expect(keys.length).toBeGreaterThan(15);
    expect(keys).toEqual(schemaKeys(configJsonSchema()));
  });

  test('has a comment on every option', () => {
    const lines = text.split('\n');
    const counter = new LineCounter();
    const options: string[] = [];
    const bare: string[] = [];
    visit(parseDocument(text, { lineCounter: counter }), {
      Pair(_, { key, value }) {
        if (!isScalar(key) || isMap(value)) return;
        options.push(String(key));
        // Lines count from one: this is the line above.
        const above = lines[counter.linePos(key.range?.[0] ?? 0).line - 2];
        if (!above?.trim().startsWith('# ')) bare.push(String(key));
      },
    });
    expect(options.length).toBeGreaterThan(10);
    expect(bare).toEqual([]);
  });
});

test('what is printed gives the same configuration again', () => {
  const config = parseConfig('http: {publicUrl: "https://x.example", listen: "[::1]:7"}\nlog: {level: warn}', sources);
  expect(parseConfig(printConfig(config), { ...sources, folder: '/elsewhere' })).toEqual(config);
});

/** Dotted paths of all keys, in order. */
function keysOf(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => [`${prefix}${key}`, ...keysOf(item, `${prefix}${key}.`)]);
}

function schemaKeys(node: unknown, prefix = ''): string[] {
  if (typeof node !== 'object' || node === null || !('properties' in node)) return [];
  const properties = node.properties ?? {};
  return Object.entries(properties).flatMap(([key, item]) => [
    `${prefix}${key}`,
    ...schemaKeys(item, `${prefix}${key}.`),
  ]);
}
