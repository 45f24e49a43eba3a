import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Workstation, aRepository, describeClient } from '#test/support/clients.ts';
import { withDocker } from '#test/support/e2e-docker.ts';
import { filesIn, sha256 } from '#test/support/e2e-layout.ts';
import { useScene } from '#test/support/e2e-scene.ts';
import { PASSWORD, USER } from '#test/support/gatehouse.ts';

const TRUST_NODE = join(import.meta.dirname, '../../scripts/trust-node');
// Whatever has an address in 127.0.0.0/8, docker verifies nothing of it. This name leads to ::1, and only workstations
// of this file know it.
const NAME = 'gatehouse.test';
const NAMES = { [NAME]: '::1' };
const UNTRUSTED = /certificate signed by unknown authority|x509: certificate/;

/** No client here is told to skip verification: what works, works verified. */
describe('over TLS', () => {
  const scene = useScene({ http: { listen: '[::1]:0', tls: { mode: 'auto', auto: { names: [NAME] } } } });
  const host = (): string => `${NAME}:${new URL(scene.url).port}`;
  const aReference = (): string => `${host()}/${aRepository()}:1`;
  const trust = async (workstation: Workstation): Promise<Workstation> => {
    await workstation.succeed(TRUST_NODE, [host(), '--yes']);
    return workstation;
  };
  const logInArguments = (): string[] => ['login', '--username', USER, '--password-stdin', host()];
  const logIn = (workstation: Workstation, program: string): Promise<string> =>
    workstation.succeed(program, logInArguments(), { input: PASSWORD });

  describeClient('podman', () => {
    const aNode = async (): Promise<Workstation> => {
      const node = await trust(await scene.aStranger({ names: NAMES }));
      await logIn(node, 'podman');
      return node;
    };

    it('refuses a registry whose authority it does not trust, and no longer once it does', async () => {
      const here = await scene.aStranger({ names: NAMES });
      const options = { input: PASSWORD };
      expect(await here.fail('podman', logInArguments(), options)).toMatch(UNTRUSTED);
      await trust(here);
      expect(await here.succeed('podman', logInArguments(), options)).toContain('Login Succeeded!');
      await here.succeed(TRUST_NODE, [host(), '--remove']);
      expect(await here.fail('podman', logInArguments(), options)).toMatch(UNTRUSTED);
    });

    it('pushes, and pulls the same bytes into a fresh store', async () => {
      const layout = await scene.aLayout({ layers: [300_000, 5] });
      const [here, there, reference] = [await aNode(), await aNode(), aReference()];
      const image = await here.succeed('podman', ['pull', '--quiet', `oci:${layout.folder}:latest`]);
      await here.succeed('podman', ['push', image, reference]);
      const pulled = await there.succeed('podman', ['pull', '--quiet', reference]);
      const mounted = await there.succeed('podman', ['image', 'mount', pulled]);
      expect(await filesIn(mounted, layout.files)).toEqual(layout.files);
    });
  });

  describeClient('skopeo', () => {
    it('refuses, then copies there and back', async () => {
      const layout = await scene.aLayout();
      const here = await scene.aStranger({ names: NAMES });
      const reference = `docker://${aReference()}`;
      // Without it, skopeo compresses what was not compressed.
      const push = ['copy', '--preserve-digests', `oci:${layout.folder}:latest`, reference];
      expect(await here.fail('skopeo', push)).toMatch(UNTRUSTED);
      await trust(here);
      await logIn(here, 'skopeo');
      await here.succeed('skopeo', push);
      const back = join(here.folder, 'back');
      await here.succeed('skopeo', ['copy', reference, `dir:${back}`]);
      expect(`sha256:${sha256(await readFile(join(back, 'manifest.json')))}`).toBe(layout.manifest.digest);
      for (const { digest } of [layout.config, ...layout.layers]) {
        const hex = digest.slice('sha256:'.length);
        expect(sha256(await readFile(join(back, hex)))).toBe(hex);
      }
    });
  });

  describeClient(['docker', 'dockerd'], () => {
    let here: Workstation;
    let there: Workstation;
    beforeAll(async () => {
      [here, there] = await Promise.all([
        withDocker(await scene.aStranger({ names: NAMES })).then(scene.keep),
        withDocker(await scene.aStranger({ names: NAMES })).then(scene.keep),
      ]);
    });

    it('refuses, then pushes, and pulls the same bytes into a fresh engine', async () => {
      const reference = aReference();
      const bytes = randomBytes(200_000);
      const context = join(here.folder, 'context');
      await mkdir(context);
      await writeFile(join(context, 'file'), bytes);
      await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY file /\n');
      await here.succeed('docker', ['build', '--quiet', '--tag', reference, context]);
      expect(await here.fail('docker', ['push', reference])).toMatch(UNTRUSTED);
      expect(await here.fail('docker', logInArguments(), { input: PASSWORD })).toMatch(UNTRUSTED);
      for (const node of [here, there]) {
        await trust(node);
        await logIn(node, 'docker');
      }
      await here.succeed('docker', ['push', reference]);
      await there.succeed('docker', ['pull', '--quiet', reference]);
      const container = await there.succeed('docker', ['create', '--network', 'none', reference, 'nothing']);
      await there.succeed('docker', ['cp', `${container}:/file`, join(there.folder, 'copy')]);
      expect(await readFile(join(there.folder, 'copy'))).toEqual(bytes);
    });
  });
});
