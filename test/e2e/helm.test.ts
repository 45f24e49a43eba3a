import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { held, tagsOf, useScene } from '#test/support/e2e-scene.ts';

const PLAIN = '--plain-http';

describeClient('helm', () => {
  const scene = useScene();
  /** Packages the chart that `helm create` makes; returns the path of the archive. */
  const aChart = async (here: Workstation, version: string): Promise<string> => {
    await here.succeed('helm', ['create', 'cellar'], { folder: here.folder });
    await here.succeed('helm', ['package', 'cellar', '--version', version], { folder: here.folder });
    return join(here.folder, `cellar-${version}.tgz`);
  };

  it('logs in with the right password only', async () => {
    const here = await scene.aStranger();
    expect((await here.logIn('helm', scene.host, { password: 'wrong' })).stderr).toContain('unauthorized');
    const push = ['push', PLAIN, await aChart(here, '0.1.0'), `oci://${scene.host}/${aRepository()}`];
    expect(await here.fail('helm', push)).toContain('unauthorized');
    // helm says everything but the chart itself on its error output.
    const right = await here.logIn('helm', scene.host);
    expect([right.code, right.stdout + right.stderr]).toEqual([0, expect.stringContaining('Login Succeeded')]);
  });

  it('pushes a chart, and pulls the same bytes', async () => {
    const here = await scene.aUserOf('helm');
    const project = aRepository();
    const charts = new Map<string, string>();
    // A plus cannot be in a tag: helm writes it as an underscore.
    for (const version of ['1.2.3', '1.3.0+build.7']) {
      charts.set(version, await aChart(here, version));
      await here.succeed('helm', ['push', PLAIN, String(charts.get(version)), `oci://${scene.host}/${project}`]);
    }
    expect((await tagsOf(scene.url, `${project}/cellar`)).toSorted()).toEqual(['1.2.3', '1.3.0_build.7']);
    const [layer] = (await held(scene.url, `${project}/cellar`, '1.2.3')).layers;
    expect(layer?.equals(await readFile(String(charts.get('1.2.3'))))).toBe(true);
    const there = await scene.aUserOf('helm');
    for (const [version, archive] of charts) {
      const pull = ['pull', PLAIN, `oci://${scene.host}/${project}/cellar`, '--version', version];
      await there.succeed('helm', pull, { folder: there.folder });
      const pulled = await readFile(join(there.folder, `cellar-${version}.tgz`));
      expect(pulled.equals(await readFile(archive))).toBe(true);
    }
  });

  it('finds the newest version by asking for the tags', async () => {
    const here = await scene.aUserOf('helm');
    const project = aRepository();
    for (const version of ['1.9.0', '1.10.0']) {
      await here.succeed('helm', ['push', PLAIN, await aChart(here, version), `oci://${scene.host}/${project}`]);
    }
    const shown = await here.succeed('helm', ['show', 'chart', PLAIN, `oci://${scene.host}/${project}/cellar`]);
    expect(shown).toContain('version: 1.10.0');
  });
});
