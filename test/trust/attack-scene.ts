/*
 * A whole registry whose gate asks for the release key, those who attack it, and how they see what it shows.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { eventsBefore } from '#metadata/events.ts';
import type { Digest } from '#oci/digest.ts';
import { type Answer, call } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { type TestManifest, aManifest, pushImage } from '#test/support/images.ts';
import { type People, as, openPeople } from '#test/support/people.ts';
import { type TestSigner, aSigner, bundleFor } from '#test/support/signing.ts';

/** Whose signature the policy asks for. */
export const RELEASE = aSigner();
/** Somebody else, who has a key too. */
export const MALLORY = aSigner();

/** What happens in a repository nobody else uses. */
export interface Place {
  readonly repository: string;
  push(image: TestManifest, tag?: string): Promise<Answer>;
  /** Pushes an image of its own. */
  pushNew(tag?: string): Promise<TestManifest>;
  /** Pushes a signature; returns it. */
  sign(image: TestManifest, by?: TestSigner): Promise<TestManifest>;
  /** Signs, and waits until everybody sees the image. */
  release(image: TestManifest): Promise<TestManifest>;
  /** The digest that somebody gets, or the status when it is none. */
  seen(who: string | undefined, reference: string): Promise<Digest | number>;
  ask(who: string | undefined, method: string, path: string, headers?: Record<string, string>): Promise<Answer>;
  /** Deletes by tag or digest, as an administrator. */
  remove(reference: string): Promise<void>;
  events(
    kind: string,
  ): Promise<{ reference: string | null; digest: string | null; actor: string; reason: string | null }[]>;
}

export interface AttackScene extends AsyncDisposable {
  readonly gatehouse: Gatehouse;
  readonly people: People;
  readonly viewer: string;
  readonly editor: string;
  readonly signer: string;
  /** Puts a policy for team-a in force; undefined: none. */
  configure(policy: object | undefined, keys?: readonly TestSigner[]): Promise<void>;
  /** Writes a policy without waiting for anybody to take it. */
  write(policy: object | undefined, keys?: readonly TestSigner[]): Promise<void>;
  /** A repository nobody has used, at this server or another one of the same registry. */
  place(url?: string): Place;
  readonly keyFile: string;
}

let count = 0;

export async function openAttackScene(): Promise<AttackScene> {
  const gatehouse = await startGatehouse({ access: { passwords: { failureDelay: '0s' } } });
  const people = await openPeople(gatehouse);
  const keyFile = join(gatehouse.folder, 'release.pub');
  const write: AttackScene['write'] = async (policy, keys = [RELEASE]) => {
    await writeFile(keyFile, keys.map(({ publicPem }) => publicPem).join(''));
    const config = parse(await readFile(gatehouse.configFile, 'utf8'));
    const policies =
      policy === undefined ? [] : [{ repositories: 'team-a/**', require: { root: 'release' }, ...policy }];
    config.trust = { roots: { release: { keys: [keyFile] } }, policies };
    await writeFile(gatehouse.configFile, stringify(config));
  };
  return {
    gatehouse,
    people,
    keyFile,
    viewer: await people.robot('viewer', ['registry-viewer team-a/']),
    editor: await people.robot('editor', ['registry-editor team-a/']),
    signer: await people.robot('signer', ['registry-signer team-a/']),
    write,
    async configure(policy, keys) {
      await write(policy, keys);
      await gatehouse.reload();
    },
    place(url = gatehouse.url) {
      count += 1;
      return placeAt(url, `team-a/attacked-${count}`, people);
    },
    async [Symbol.asyncDispose]() {
      await people[Symbol.asyncDispose]();
      await gatehouse.stop();
    },
  };
}

/** The same repository, or another, at a server. */
export function placeAt(url: string, repository: string, people: People): Place {
  const ask: Place['ask'] = (who, method, path, headers = {}) => {
    const { headers: shown, ...rest } = as(who);
    return call(url, { method, path: `/v2/${repository}${path}`, ...rest, headers: { ...shown, ...headers } });
  };
  const place: Place = {
    repository,
    ask,
    push: (image, tag) => pushImage(url, repository, image, tag),
    async pushNew(tag) {
      const image = aManifest();
      expect(await place.push(image, tag)).toMatchObject({ status: 201 });
      return image;
    },
    async sign(image, by = RELEASE) {
      const signature = bundleFor(image, by);
      expect(await place.push(signature)).toMatchObject({ status: 201 });
      return signature;
    },
    async release(image) {
      const viewer = `Basic ${Buffer.from('robot+viewer:secret of viewer').toString('base64')}`;
      const signature = await place.sign(image);
      await comesTrue(() => place.seen(viewer, image.digest), image.digest);
      return signature;
    },
    async seen(who, reference) {
      const { status, headers } = await ask(who, 'GET', `/manifests/${reference}`);
      return status === 200 ? (String(headers['docker-content-digest']) as Digest) : status;
    },
    async remove(reference) {
      const { status } = await call(url, { method: 'DELETE', path: `/v2/${repository}/manifests/${reference}` });
      expect(status).toBe(202);
    },
    async events(kind) {
      const rows = await eventsBefore(people.metadata, { kind, repository }, Number.MAX_SAFE_INTEGER, 100);
      return rows.map(({ reference, digest, actor, reason }) => ({ reference, digest, actor, reason }));
    },
  };
  return place;
}

/** Waits for the judge, who works beside requests. */
export const comesTrue = (what: () => Promise<unknown>, value: unknown): Promise<void> =>
  expect.poll(what, { timeout: 5000, interval: 5 }).toEqual(value);
