import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Workstation, stopProgram } from './clients.ts';

/** A workstation with a docker engine of its own, which ends before the workstation goes. */
export async function withDocker(here: Workstation): Promise<Workstation> {
  const places = { '--data-root': 'data', '--exec-root': 'exec', '--pidfile': 'pid' };
  const engine = here.start(
    'dockerd',
    [
      ...Object.entries(places).flatMap(([option, name]) => [option, join(here.folder, `docker-${name}`)]),
      `--host=unix://${join(here.folder, 'docker.sock')}`,
      // No network and no layers of the kernel: images only come and go here, nothing runs.
      '--bridge=none',
      '--iptables=false',
      '--ip-masq=false',
      '--storage-driver=vfs',
    ],
    { limitSeconds: 900 },
  );
  const remove = async (): Promise<void> => {
    await stopProgram(engine);
    await here.remove();
  };
  for (let attempt = 0; engine.child.exitCode === null && attempt < 120; attempt += 1) {
    const { code, stdout } = await here.run('docker', ['version', '--format', '{{.Server.Version}}']);
    if (code === 0 && stdout.trim() !== '') return { ...here, remove };
    await wait(250);
  }
  const { stderr } = await stopProgram(engine);
  await here.remove();
  throw new Error(`expected a docker engine within 30 s, found: ${stderr.split('\n').slice(-5).join('\n')}`);
}
