import { type Gatehouse, PASSWORD, USER, type WrittenOptions, startGatehouse } from '../support/gatehouse.ts';
import { type TestManifest, aManifest, pushImage } from '../support/images.ts';
import { here } from './here.ts';
import type { Outcome } from './process.ts';

/** A registry that runs, with commands for it. */
export interface Scene extends AsyncDisposable {
  readonly gatehouse: Gatehouse;
  /** Runs a command on its data, or on the server, as the scene is set. */
  run(words: string): Promise<Outcome>;
  /** What a command that one prints ends with, to be pointed at the same place. */
  readonly place: string;
  /** Pushes a new image under a tag. */
  push(repository: string, tag: string): Promise<TestManifest>;
}

/** Where commands are pointed. */
export type Way = 'on the data' | 'on a server';
export const WAYS: readonly Way[] = ['on the data', 'on a server'];

export async function aScene(way: Way, rules: readonly object[] = [], options: WrittenOptions = {}): Promise<Scene> {
  const gatehouse = await startGatehouse({ retention: { rules }, ...options });
  const { url, configFile } = gatehouse;
  const environment: Record<string, string> =
    way === 'on a server' ? { GATEHOUSE_SERVER: url, GATEHOUSE_USER: USER, GATEHOUSE_PASSWORD: PASSWORD } : {};
  return {
    gatehouse,
    place: way === 'on a server' ? '' : ` --config ${configFile}`,
    run: (words) =>
      here([...words.split(' '), ...(way === 'on a server' ? [] : ['--config', configFile])], environment),
    async push(repository, tag) {
      const image = aManifest();
      const { status, text } = await pushImage(url, repository, image, tag);
      if (status !== 201) throw new Error(text);
      return image;
    },
    [Symbol.asyncDispose]: () => gatehouse.stop(),
  };
}

/** A moment as tables show it, as a pattern. */
export const MOMENT = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
