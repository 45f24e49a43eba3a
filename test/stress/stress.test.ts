import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StressClient } from './client.ts';
import { GRACE_MS, type Scene, UNTAGGED_MS, aScene, digestsOnDisk, killOften, prune, pruneOften } from './scene.ts';
import { type Findings, aWire } from './wire.ts';

/*
 * Several clients at once push, move, delete, sign and pull, all over each other's layers, while bytes are given back
 * every second, another process prunes, and the server is killed at random moments. What the registry said is held
 * against it. How long: GATEHOUSE_STRESS_SECONDS, GATEHOUSE_STRESS_KILLS.
 */
const seconds = Number(process.env['GATEHOUSE_STRESS_SECONDS'] ?? 40);
const kills = Number(process.env['GATEHOUSE_STRESS_KILLS'] ?? 5);
const CLIENTS = 6;
const REPOSITORIES = ['stress/one', 'stress/two', 'stress/three'] as const;

const findings: Findings = { violations: [], serverErrors: [], counts: new Map() };
let scene: Scene;
let clients: StressClient[];

beforeAll(async () => {
  scene = await aScene();
  const end = performance.now() + seconds * 1000;
  const isOver = (): boolean => performance.now() > end;
  const wire = aWire(() => scene.server.url, findings);
  const shared = { wire, repositories: REPOSITORIES, promisedMs: GRACE_MS / 2, isOver };
  clients = Array.from({ length: CLIENTS }, (_, number) => new StressClient({ ...shared, number }));
  await Promise.all([
    ...clients.map((client) => client.run(clients)),
    pruneOften(scene, findings, isOver),
    killOften(scene, { kills, seconds, findings }),
  ]);
  const counts = [...findings.counts].map(([what, count]) => `${count} ${what}`);
  process.stdout.write(`stress: ${seconds} s, ${CLIENTS} clients: ${counts.toSorted().join(', ')}\n`);
});

afterAll(async () => {
  await scene?.metadata.close();
  await scene?.server.remove();
});

describe('acceptance 1: pushes, pulls and deletes while collection runs every second and the server is killed', () => {
  it('did something', () => {
    expect(findings.counts.get('pushes')).toBeGreaterThan(seconds);
    expect(findings.counts.get('pulls')).toBeGreaterThan(seconds / 2);
    expect(findings.counts.get('kills') ?? 0).toBe(kills);
  });

  it('had no 5xx for an answer', () => {
    expect(findings.serverErrors).toEqual([]);
  });

  it('kept every promise while it went on', () => {
    expect(findings.violations).toEqual([]);
  });

  it('left everything that was acknowledged and not deleted whole, when all that is dead is gone', async () => {
    for (let round = 0; round < 3; round += 1) {
      await wait(Math.max(GRACE_MS, UNTAGGED_MS));
      await prune(scene);
    }
    const flaws = await Promise.all(clients.map((client) => client.flaws()));
    expect(flaws.flat()).toEqual([]);
  });

  it('left nothing dead on the disk, and nothing missing or corrupt', async () => {
    await scene.server.command('gc', '--orphans', '--minimum-age', '0s');
    const ledgers = clients.map(({ ledger }) => ledger);
    const kept = ledgers.flatMap((ledger) => ledger.entries().flatMap(({ image }) => ledger.closureOf(image)));
    const live = new Set(
      kept.flatMap(({ image }) => [image.digest, ...image.blobs.map(({ digest }) => digest)]).map(hexOf),
    );
    const onDisk = await digestsOnDisk(scene);
    expect([...live].filter((hex) => !onDisk.includes(hex))).toEqual([]);
    // The youngest temporary tags are kept by rule, with at most five objects each.
    expect(onDisk.filter((hex) => !live.has(hex)).length).toBeLessThanOrEqual(REPOSITORIES.length * 5 * 5);
    expect(new Set(onDisk).size).toBe(onDisk.length);
    const { code, stdout } = await scene.server.command('verify', '--json');
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ missing: [], corrupt: [], orphaned: [] }),
    ]);
  });
});

function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}
