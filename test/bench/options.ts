import { parseArgs } from 'node:util';

/** The measures by the names `--only` takes, in the order they run. */
export const measureNames = [
  'requests',
  'access',
  'pull',
  'push',
  'listing',
  'put',
  'startup',
  'memory',
  'retention',
  'trust',
] as const;
export type MeasureName = (typeof measureNames)[number];

/** What a run was asked to do. */
export interface Options {
  readonly only: readonly MeasureName[];
  readonly rounds: number;
  /** Length of one load of one server, in seconds. */
  readonly seconds: number;
  /** Size of the blob that is pulled and pushed. */
  readonly blobBytes: number;
  /** Size of each layer in the memory measure. */
  readonly layerBytes: number;
  readonly memoryRounds: number;
  /** Entries of the long list. */
  readonly entries: number;
  readonly ours: string;
  readonly distribution: string;
  readonly json: string | undefined;
  /** Parent of the temporary folder. */
  readonly folder: string;
}

const mebibyte = 1024 * 1024;

/** Help text of scripts/bench. */
export const usage = `Usage: scripts/bench [options]

Measures Gatehouse beside docker-registry, distribution v3, zot and nginx on this machine, in interleaved rounds,
and prints ratios with their spread. Everything runs on 127.0.0.1 in a temporary folder that is removed at the end.

  --only NAMES          some of ${measureNames.join(',')} (default: all)
  --rounds N            rounds per measure (default 3)
  --seconds S           seconds per load and round (default 5)
  --quick               a look: 2 rounds of 2 s, 128 MiB blobs, 10,000 entries, 2 memory rounds of 16 MiB layers
  --blob-size MIB       size of the blob pulled and pushed (default 1024)
  --layer-size MIB      size of a layer in the memory measure (default 256)
  --memory-rounds N     rounds of the memory measure (default 10)
  --entries N           entries of the long list (default 100000)
  --distribution PATH   the binary of distribution v3 (default: registry on PATH)
  --ours NAME           put another server in our place: docker-registry against itself shows the noise
  --folder PATH         where the temporary folder is made (default: the system's)
  --json FILE           write every sample to FILE as well
  --help                this text
`;

/** Reads the command line; `undefined` when help was asked for. @throws {Error} an option that makes no sense */
export function readOptions(args: readonly string[], systemFolder: string): Options | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: text,
      rounds: text,
      seconds: text,
      quick: flag,
      json: text,
      help: flag,
      entries: text,
      ours: text,
      distribution: text,
      folder: text,
      'blob-size': text,
      'layer-size': text,
      'memory-rounds': text,
    },
  });
  if (values.help === true) return undefined;
  const pick = (full: number, quick: number): number => (values.quick === true ? quick : full);
  return {
    only: values.only === undefined ? measureNames : values.only.split(',').map(measureName),
    rounds: positive('rounds', values.rounds, pick(3, 2)),
    seconds: positive('seconds', values.seconds, pick(5, 2)),
    blobBytes: positive('blob-size', values['blob-size'], pick(1024, 128)) * mebibyte,
    layerBytes: positive('layer-size', values['layer-size'], pick(256, 16)) * mebibyte,
    memoryRounds: positive('memory-rounds', values['memory-rounds'], pick(10, 2)),
    entries: positive('entries', values.entries, pick(100_000, 10_000)),
    ours: values.ours ?? 'gatehouse',
    distribution: values.distribution ?? 'registry',
    json: values.json,
    folder: values.folder ?? systemFolder,
  };
}

function measureName(name: string): MeasureName {
  const known = measureNames.find((one) => one === name.trim());
  if (known === undefined) throw new Error(`expected --only to name some of ${measureNames.join(', ')}, found ${name}`);
  return known;
}

function positive(option: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`expected --${option} to be a whole number above 0, found ${text}`);
}
