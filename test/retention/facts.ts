import { z } from 'zod';
import type { Digest } from '#oci/digest.ts';
import { digestOf } from '#oci/digest.ts';
import type { InUseFact, RepositoryFacts } from '#retention/facts.ts';
import { type PlanItem, planRepository } from '#retention/plan.ts';
import { type RuleOptions, pruneOptions } from '#retention/rule-options.ts';
import { type Rule, compileRules } from '#retention/rules.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const NOW = Date.parse('2026-06-01T12:00:00Z');

/** The digest of a manifest that tests call by a short name. */
export function digest(name: string): Digest {
  return digestOf(Buffer.from(name), 'sha256');
}

/** The tag under which cosign signs a manifest. */
export function cosignTag(name: string): string {
  return `${digest(name).replace(':', '-')}.sig`;
}

/** A manifest: how long ago it was pushed, and what it names. */
interface ManifestScene {
  readonly age: number;
  readonly children?: readonly string[];
  readonly subject?: string;
  readonly bytes?: number;
}

/** A repository in short names and ages in milliseconds. */
export interface Scene {
  readonly manifests?: Readonly<Record<string, number | ManifestScene>>;
  /** What each points at, and how long ago it was set. */
  readonly tags?: Readonly<Record<string, readonly [manifest: string, age: number]>>;
  readonly revisions?: readonly (readonly [
    tag: string,
    revision: number,
    manifest: string,
    since: number,
    until: number,
  ])[];
  /** How long ago manifests lost a tag, or an index. */
  readonly released?: Readonly<Record<string, number>>;
  /** By tag, empty for by digest. */
  readonly pulls?: readonly (readonly [tag: string, manifest: string, age: number])[];
  readonly inUse?: readonly { readonly tag?: string; readonly manifest?: string; readonly expired?: boolean }[];
  readonly verified?: readonly string[];
}

export function factsOf(scene: Scene, repository = 'team-a/app'): RepositoryFacts {
  const manifests = Object.entries(scene.manifests ?? {}).map(([name, one]) => ({
    name,
    ...(typeof one === 'number' ? { age: one } : one),
  }));
  return {
    repository,
    manifests: manifests.map(({ name, age, subject }) => ({
      digest: digest(name),
      subject: subject === undefined ? null : digest(subject),
      pushedAt: NOW - age,
    })),
    children: manifests.flatMap(({ name, children = [] }) =>
      children.map((child) => ({ index: digest(name), child: digest(child) })),
    ),
    tags: Object.entries(scene.tags ?? {}).map(([name, [manifest, age]]) => ({
      name,
      digest: digest(manifest),
      setAt: NOW - age,
    })),
    revisions: (scene.revisions ?? []).map(([tag, revision, manifest, since, until]) => ({
      tag,
      revision,
      digest: digest(manifest),
      since: NOW - since,
      until: NOW - until,
    })),
    releases: Object.entries(scene.released ?? {}).map(([name, age]) => ({ digest: digest(name), at: NOW - age })),
    pulls: (scene.pulls ?? []).map(([tag, manifest, age]) => ({ tag, digest: digest(manifest), lastAt: NOW - age })),
    inUse: (scene.inUse ?? []).map(
      ({ tag = '', manifest, expired = false }): InUseFact => ({
        tag,
        digest: manifest === undefined ? '' : digest(manifest),
        source: 'prod',
        expiresAt: expired ? NOW : NOW + HOUR,
      }),
    ),
    sizes: new Map(
      manifests.flatMap(({ name, bytes }) => (bytes === undefined ? [] : [[digest(name), bytes] as const])),
    ),
    verified: scene.verified === undefined ? undefined : new Set(scene.verified.map(digest)),
  };
}

/** Rules as they stand in the file. */
export type WrittenRule = z.input<typeof pruneOptions.rules> extends (infer One)[] | undefined ? One : never;

export function ruleOptions(...written: WrittenRule[]): RuleOptions[] {
  return z.object(pruneOptions).parse({ rules: written }).rules;
}

export function rules(...written: WrittenRule[]): readonly Rule[] {
  return compileRules(ruleOptions(...written));
}

/** Every item of a plan. */
export function planOf(scene: Scene, ...written: WrittenRule[]): PlanItem[] {
  return [...planRepository(factsOf(scene), rules(...written), NOW).items];
}

/** What goes, in short names: `v1`, `v1#2` for a revision, `@a` for a manifest. */
export function deletedOf(scene: Scene, ...written: WrittenRule[]): string[] {
  return planOf(scene, ...written)
    .filter(({ fate }) => fate === 'delete')
    .map((item) => shortName(scene, item))
    .toSorted();
}

/** The reason for one item, by its short name. */
export function reasonFor(name: string, scene: Scene, ...written: WrittenRule[]): string | undefined {
  return planOf(scene, ...written).find((item) => shortName(scene, item) === name)?.reason;
}

function shortName(scene: Scene, { item, name, revision, digest: of }: PlanItem): string {
  switch (item) {
    case 'tag':
      return name;
    case 'revision':
      return `${name}#${revision}`;
    case 'manifest':
      return `@${Object.keys(scene.manifests ?? {}).find((known) => digest(known) === of) ?? of}`;
  }
}
