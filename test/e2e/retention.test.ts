import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '#test/support/client.ts';
import { type Workstation, aRepository, aWorkstation, describeClient } from '#test/support/clients.ts';
import { type Layout, aLayout, filesIn } from '#test/support/e2e-layout.ts';
import { held, tagsOf } from '#test/support/e2e-scene.ts';
import { type ServerProcess, aServerProcess } from '#test/support/e2e-server.ts';
import { type Desk, aDesk } from '#test/support/e2e-signing.ts';

const PLAIN = '--tls-verify=false';
// deleteUntaggedAfter is a minute at least; the tests of one server wait for it side by side.
const LIMIT_SECONDS = 120;
// Each look makes a plan, and only the newest ten are kept: a plan has to outlast those of the tests beside it.
const POLL_MS = 4000;

/** Of each repository one tag is kept. Nothing runs by the clock but collection, and that every second. */
const RETENTION = {
  suspend: true,
  brake: { maxShare: '100%' },
  rules: [{ repositories: 'e2e/*', keepMostRecent: 1, deleteUntaggedAfter: '1m' }],
  collection: { schedule: '* * * * * *' },
};

describeClient(['cosign', 'notation', 'oras', 'crane', 'podman', 'skopeo'], () => {
  let server: ServerProcess;
  let admin: Workstation;
  let desk: Desk;
  const made: Layout[] = [];
  const anImage = async (): Promise<Layout> => {
    const layout = await aLayout();
    made.push(layout);
    return layout;
  };
  const begin = (retention: object): void => {
    beforeAll(async () => {
      server = await aServerProcess({ retention: { ...retention } });
      await server.start();
      admin = await aWorkstation();
      for (const program of ['podman', 'skopeo', 'crane', 'oras']) await admin.logIn(program, server.host);
      desk = await aDesk(admin);
    });
    afterAll(async () => {
      await Promise.all(made.splice(0).map((layout) => layout.remove()));
      await admin.remove();
      await server.remove();
    });
  };

  const named = (repository: string, tag: string): string => `${server.host}/${repository}:${tag}`;
  const pinned = (repository: string, digest: string): string => `${server.host}/${repository}@${digest}`;
  const push = async (repository: string, tag: string): Promise<Layout> => {
    const layout = await anImage();
    await pushAs(layout, repository, tag);
    return layout;
  };
  const pushAs = async ({ folder }: Layout, repository: string, tag: string): Promise<void> => {
    const up = ['copy', '--dest-tls-verify=false', '--preserve-digests'];
    await admin.succeed('skopeo', [...up, `oci:${folder}:latest`, `docker://${named(repository, tag)}`]);
  };
  /** Pulls into a fresh store and compares every file. */
  const expectPulled = async (reference: string, { files }: Pick<Layout, 'files'>, ...options: string[]) => {
    const there = await aWorkstation();
    try {
      await there.logIn('podman', server.host);
      const image = await there.succeed('podman', ['pull', '--quiet', PLAIN, ...options, reference]);
      const root = await there.succeed('podman', ['image', 'mount', image]);
      expect(await filesIn(root, files)).toEqual(files);
    } finally {
      await there.remove();
    }
  };
  const gatehouse = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await server.command(...args);
    if (code !== 0)
      throw new Error(`expected success of gatehouse ${args.join(' ')}, found ${code}: ${stderr}${stdout}`);
    return stdout.trim();
  };
  const plan = async (repository: string, ...place: string[]): Promise<Plan> =>
    JSON.parse(await gatehouse('prune', '--repository', repository, '--json', ...place)) as Plan;
  /** Prunes tags at once, and what they led to as soon as that has been without a tag long enough. */
  const pruneTags = async (repository: string, ...place: string[]): Promise<void> => {
    const { id, manifests } = await plan(repository, ...place);
    expect(manifests.delete).toBe(0);
    await gatehouse('prune', '--confirm', id, ...place);
  };
  const pruneUntagged = async (repository: string, ...place: string[]): Promise<Plan> => {
    const made = await eventually('a plan that deletes manifests', async () => {
      const one = await plan(repository, ...place);
      return one.manifests.delete > 0 ? one : undefined;
    });
    await gatehouse('prune', '--confirm', made.id, ...place);
    return made;
  };
  const statusOf = async (repository: string, reference: string): Promise<number> =>
    (await call(server.url, { method: 'HEAD', path: `/v2/${repository}/manifests/${reference}` })).status;
  const referrersOf = async (repository: string, digest: string): Promise<string[]> => {
    const { json } = await call(server.url, { method: 'GET', path: `/v2/${repository}/referrers/${digest}` });
    return (json as { manifests: { digest: string }[] }).manifests.map((one) => one.digest).toSorted();
  };
  const signatureTags = ({ manifest }: Layout): string[] =>
    ['', '.sig'].map((suffix) => `${manifest.digest.replace(':', '-')}${suffix}`);

  describe('with an undo window', () => {
    begin({ ...RETENTION, undoWindow: '1h' });

    it.concurrent.each([
      ['on its data', (): string[] => []],
      ['through the server', (): string[] => ['--server', server.url]],
    ])('signatures live, go and come back with their image: %s', async (_, placeOf) => {
      const [repository, place] = [aRepository(), placeOf()];
      const images = { v1: await push(repository, 'v1'), v2: await push(repository, 'v2') };
      for (const { manifest } of Object.values(images)) await desk.sign(pinned(repository, manifest.digest));
      const { digest } = images.v1.manifest;
      const before = { tags: await tagsOf(server.url, repository), referrers: await referrersOf(repository, digest) };
      expect(before.tags).toEqual(['v1', 'v2', ...Object.values(images).flatMap(signatureTags)].toSorted());

      const { items } = await plan(repository, ...place);
      const fates = items.flatMap(({ item, tag, fate, reason }) => (item === 'tag' ? [[tag, fate, reason]] : []));
      const signatures = Object.values(images).flatMap((image) =>
        signatureTags(image).map((tag) => [tag, 'keep', `belongs to ${image.manifest.digest}, which stays`]),
      );
      expect(new Set(fates)).toEqual(
        new Set([
          ['v1', 'delete', expect.stringContaining('not held by keepMostRecent 1')],
          ['v2', 'keep', expect.stringContaining('among the 1 most recent')],
          ...signatures,
        ]),
      );
      await pruneTags(repository, ...place);
      expect(await tagsOf(server.url, repository)).toEqual(before.tags.filter((tag) => tag !== 'v1'));
      // What has lost its tag is there until its time is up, signed as it was.
      await desk.verify(pinned(repository, digest));

      await pruneUntagged(repository, ...place);
      expect(await tagsOf(server.url, repository)).toEqual(['v2', ...signatureTags(images.v2)].toSorted());
      const gone = [digest, ...before.referrers];
      expect(await Promise.all(gone.map((one) => statusOf(repository, one)))).toEqual(gone.map(() => 404));
      await desk.verifyNone(pinned(repository, digest));
      await desk.verify(pinned(repository, images.v2.manifest.digest));
      await expectPulled(named(repository, 'v2'), images.v2);

      await gatehouse('restore', `${repository}:v1`, ...place);
      expect([await tagsOf(server.url, repository), await referrersOf(repository, digest)]).toEqual([
        before.tags,
        before.referrers,
      ]);
      await desk.verify(pinned(repository, digest));
      await expectPulled(named(repository, 'v1'), images.v1);
    });

    it.concurrent('an index that stays keeps its children, also those it shares with one that goes', async () => {
      const repository = aRepository();
      const images = { shared: await anImage(), one: await anImage(), two: await anImage() };
      for (const [tag, arm64] of [['v1', images.one] as const, ['v2', images.two] as const]) {
        await admin.succeed('podman', ['manifest', 'create', `${repository}-${tag}`]);
        for (const [architecture, { folder }] of [['amd64', images.shared] as const, ['arm64', arm64] as const]) {
          const add = ['manifest', 'add', '--arch', architecture, `${repository}-${tag}`, `oci:${folder}:latest`];
          await admin.succeed('podman', add);
        }
        const target = `docker://${named(repository, tag)}`;
        await admin.succeed('podman', ['manifest', 'push', '--all', PLAIN, `${repository}-${tag}`, target]);
      }
      const { document, digest } = await held(server.url, repository, 'v1');
      const own = document.manifests?.find(({ platform }) => platform?.architecture === 'arm64')?.digest;
      await pruneTags(repository);
      const { items } = await pruneUntagged(repository);
      const deleted = items.flatMap((one) => (one.fate === 'delete' ? [one.digest] : []));
      expect(new Set(deleted)).toEqual(new Set([digest, own]));
      await expectPulled(named(repository, 'v2'), images.shared, '--arch', 'amd64');
      await expectPulled(named(repository, 'v2'), images.two, '--arch', 'arm64');
      await gatehouse('restore', `${repository}:v1`);
      await expectPulled(named(repository, 'v1'), images.shared, '--arch', 'amd64');
      await expectPulled(named(repository, 'v1'), images.one, '--arch', 'arm64');
    });

    it.concurrent('a tag is rolled back to an image that was pruned', async () => {
      const repository = aRepository();
      const [old, young] = [await push(repository, 'stable'), await push(repository, 'stable')];
      await pruneUntagged(repository);
      expect(await statusOf(repository, old.manifest.digest)).toBe(404);
      await expectPulled(named(repository, 'stable'), young);
      const history = JSON.parse(await gatehouse('tag', 'history', `${repository}:stable`, '--json')) as History;
      expect(history.revisions.map((one) => [one.revision, one.setBy, one.digest])).toEqual([
        [2, 'admin', young.manifest.digest],
        [1, 'admin', old.manifest.digest],
      ]);
      await gatehouse('tag', 'rollback', `${repository}:stable`, '--to', '1');
      await expectPulled(named(repository, 'stable'), old);
    });

    it.concurrent('what clusters run stays, by its tag or by its digest', async () => {
      const repository = aRepository();
      const images = [];
      for (const tag of ['v1', 'v2', 'v3', 'v4']) images.push(await push(repository, tag));
      const [, second] = images;
      const list = join(server.folder, 'in-use.txt');
      const pods = [
        `${named(repository, 'v1')}`,
        `docker-pullable://registry.example.com/${repository}@${second?.manifest.digest}`,
      ];
      await writeFile(list, `${pods.join('\n')}\n`);
      await gatehouse('in-use', 'import', list, '--source', 'test');
      await pruneTags(repository);
      expect(await tagsOf(server.url, repository)).toEqual(['v1', 'v2', 'v4']);
    });
  });

  describe('with an undo window of seconds', () => {
    // Graces are long enough for a client between two of its requests.
    const collection = { ...RETENTION.collection, blobGrace: '8s', referrerGrace: '8s' };
    begin({ ...RETENTION, undoWindow: '2s', collection });

    it.concurrent('gives the bytes back when it is over, and takes the image again, whole', async () => {
      const repository = aRepository();
      const kept = await push(repository, 'v2');
      await desk.sign(pinned(repository, kept.manifest.digest));
      const objects = await objectsOf(server);
      const old = await push(repository, 'v1');
      await desk.sign(pinned(repository, old.manifest.digest));
      // v2 is set last, and by that the one that is kept.
      await pushAs(kept, repository, 'v2');
      await pruneTags(repository);
      await pruneUntagged(repository);
      await eventually('the bytes of what was pruned to be gone', async () =>
        (await objectsOf(server)).join() === objects.join() ? true : undefined,
      );
      expect((await server.command('restore', `${repository}:v1`)).code).toBe(1);
      await desk.verify(pinned(repository, kept.manifest.digest));
      await pushAs(old, repository, 'v1');
      await expectPulled(named(repository, 'v1'), old);
      await expectPulled(named(repository, 'v2'), kept);
    });
  });
});

interface Plan {
  readonly id: string;
  readonly tags: { readonly keep: number; readonly delete: number };
  readonly manifests: { readonly keep: number; readonly delete: number };
  readonly items: readonly {
    readonly item: string;
    readonly tag?: string;
    readonly digest: string;
    readonly fate: string;
    readonly reason: string;
  }[];
}

interface History {
  readonly revisions: readonly { readonly revision: number; readonly setBy: string; readonly digest: string }[];
}

/** Every file of the storage that holds bytes of somebody. */
async function objectsOf({ folder }: ServerProcess): Promise<string[]> {
  const entries = await readdir(join(folder, 'storage'), { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : [])).toSorted();
}

async function eventually<T>(what: string, find: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + LIMIT_SECONDS * 1000;
  while (Date.now() < end) {
    const found = await find();
    if (found !== undefined) return found;
    await wait(POLL_MS);
  }
  throw new Error(`expected ${what} within ${LIMIT_SECONDS} s`);
}
