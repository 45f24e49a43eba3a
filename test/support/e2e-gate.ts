import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Role } from '#access/permissions.ts';
import { type Ending, type Login, type Workstation, aWorkstation } from './clients.ts';
import { type Layout, filesIn } from './e2e-layout.ts';
import { type People, usePeople } from './e2e-people.ts';
import { type Scene, useScene } from './e2e-scene.ts';
import { type ServerProcess, aServerProcess } from './e2e-server.ts';
import { SIGN, VERIFY } from './e2e-signing.ts';

/** As the configuration writes it. */
export interface WrittenTrust {
  roots: Record<string, object>;
  policies: { repositories: string; [option: string]: unknown }[];
  simpleSigning?: object;
}

/** A registry in a process of its own that has a gate, and those who come to it. */
export interface GateScene {
  readonly scene: Scene;
  readonly people: People;
  /** Where the keys lie: the folder in which the roots were made. */
  readonly safe: string;
  /** Somebody with one role in `team-a/`, logged in with every client of {@link CLIENTS}. */
  aPerson(role: Role): Promise<Workstation & Login>;
  /** Runs `gatehouse <args> --server <url>` as the administrator, to whatever end. */
  run(...args: readonly string[]): Promise<Ending>;
  /** The same, to a good end; returns what was printed. */
  gatehouse(...args: readonly string[]): Promise<string>;
  /** What `gatehouse trust verify` says of an image that does not satisfy its policy. */
  complaint(image: string): Promise<string>;
  /** Changes what the configuration says of trust, and tells the server. */
  configure(change: (trust: WrittenTrust) => void): Promise<void>;
}

/** Who a person is logged in with; cosign and notation look where crane keeps its logins. */
export const CLIENTS = ['podman', 'skopeo', 'crane', 'oras'] as const;
/** What clients say of what is not there. */
export const ABSENT = /manifest.unknown|not found|name.unknown/i;
export const PLAIN = '--tls-verify=false';

/**
 * For the body of a `describe`: the registry lives as long as its tests.
 *
 * @param trust makes the roots at a workstation, before the server starts
 */
export function useGate(trust: (smith: Workstation) => Promise<WrittenTrust>): GateScene {
  const made: { server?: ServerProcess; safe?: string } = {};
  const server = (): ServerProcess => {
    if (made.server === undefined) throw new Error('expected a server that runs, found none');
    return made.server;
  };
  const scene = useScene(async () => {
    const smith = await aWorkstation();
    made.safe = smith.folder;
    made.server = await aServerProcess({ trust: { ...(await trust(smith)) } });
    await made.server.start();
    const stop = async (): Promise<void> => {
      await server().remove();
      await smith.remove();
    };
    return { url: server().url, folder: server().folder, stop };
  });
  const people = usePeople(scene);
  const run: GateScene['run'] = (...args) => server().command(...args, '--server', scene.url);
  return {
    scene,
    people,
    get safe() {
      return made.safe ?? '';
    },
    async aPerson(role) {
      const login = await people.aUser([role, 'team-a/']);
      return { ...(await scene.aUserOf(CLIENTS, scene.host, login)), ...login };
    },
    run,
    async gatehouse(...args) {
      const { code, stdout, stderr } = await run(...args);
      if (code === 0) return stdout.trim();
      throw new Error(`expected success of gatehouse ${args.join(' ')}, found ${code}: ${stderr}${stdout}`);
    },
    async complaint(image) {
      const { code, stdout, stderr } = await run('trust', 'verify', image);
      expect([code, stderr]).toEqual([3, '']);
      return stdout;
    },
    async configure(change) {
      const file = join(server().folder, 'registry.config.yaml');
      const config = parse(await readFile(file, 'utf8')) as { trust: WrittenTrust };
      change(config.trust);
      await writeFile(file, stringify(config));
      server().signal('SIGHUP');
    },
  };
}

/** A repository nobody else uses, under the policy for `team-a/<kind>/**`. */
export function aPlace(kind: string): string {
  return `team-a/${kind}/${randomUUID().slice(0, 8)}`;
}

/** Makes `<name>.key` and `<name>.pub` in a workstation's folder, as cosign does; returns the path of the public one. */
export async function aKeyPair(who: Workstation, name: string): Promise<string> {
  await who.succeed('cosign', ['generate-key-pair', '--output-key-prefix', name], { folder: who.folder });
  return join(who.folder, `${name}.pub`);
}

/** What `cosign sign` is given to sign with a key, offline. */
export function signingWith(key: string): string[] {
  return ['sign', ...SIGN.map((word) => (word === 'cosign.key' ? key : word))];
}

/** What `cosign verify` is given to verify with a key, offline. */
export function verifyingWith(publicKey: string): string[] {
  return VERIFY.map((word) => (word === 'cosign.pub' ? publicKey : word));
}

/** Pulls with podman, as somebody, and compares every file. */
export async function expectPulled(
  who: Workstation,
  reference: string,
  { files }: Pick<Layout, 'files'>,
  ...options: string[]
): Promise<void> {
  const image = await who.succeed('podman', ['pull', '--quiet', PLAIN, ...options, reference]);
  const root = await who.succeed('podman', ['image', 'mount', image]);
  expect(await filesIn(root, files)).toEqual(files);
}

/** Finds with podman that there is nothing, as somebody. */
export async function expectAbsent(who: Workstation, reference: string, ...options: string[]): Promise<void> {
  expect(await who.fail('podman', ['pull', PLAIN, ...options, reference])).toMatch(ABSENT);
}
