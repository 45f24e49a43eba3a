import { setTimeout as wait } from 'node:timers/promises';
import { type Answer, type Call, call } from '#test/support/client.ts';
import { type TestBlob, type TestManifest, aBlob } from '#test/support/images.ts';

/** What went wrong, in words, and how much went well. */
export interface Findings {
  readonly violations: string[];
  readonly serverErrors: string[];
  readonly counts: Map<string, number>;
}

/** A way to a server that may be killed at any moment and comes back. */
export interface Wire {
  /** Asks again until there is an answer: whatever is asked must be fit to be asked twice. */
  ask(request: Call): Promise<Answer>;
  readonly findings: Findings;
}

/** @param url of the server that runs now */
export function aWire(url: () => string, findings: Findings): Wire {
  return {
    findings,
    async ask(request) {
      for (let attempt = 0; attempt < 600; attempt += 1) {
        const answer = await call(url(), request).catch(() => undefined);
        if (answer === undefined) {
          await wait(50);
          continue;
        }
        if (answer.status >= 500) {
          findings.serverErrors.push(`${request.method} ${request.path}: ${answer.status} ${answer.text}`);
        }
        return answer;
      }
      throw new Error(`expected the server to come back for ${request.method} ${request.path}`);
    },
  };
}

export function count({ counts }: Findings, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** Uploads a blob unless the registry says that it is there. */
async function bringBlob(wire: Wire, repository: string, { digest, bytes }: TestBlob): Promise<void> {
  const path = `/v2/${repository}/blobs/${digest}`;
  if ((await wire.ask({ method: 'HEAD', path })).status === 200) return count(wire.findings, 'blobs there');
  const headers = { 'content-type': 'application/octet-stream' };
  const upload = { method: 'POST', path: `/v2/${repository}/blobs/uploads/?digest=${digest}`, headers, body: bytes };
  const { status, text } = await wire.ask(upload);
  if (status !== 201) wire.findings.violations.push(`upload of ${digest} to ${repository}: ${status} ${text}`);
}

/** How a push goes about it. */
export interface PushManner {
  readonly reference: string;
  /** Time between asking for the blobs and sending the manifest, milliseconds. */
  readonly pauseMs?: number;
  /** For how long what the registry said of blobs can be relied on. */
  readonly promisedMs: number;
}

/** Pushes until the registry has taken it. That blobs it vouched for are gone within the promised time is a violation. */
export async function bring(wire: Wire, repository: string, image: TestManifest, manner: PushManner): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const began = performance.now();
    for (const blob of image.blobs) await bringBlob(wire, repository, blob);
    await wait(manner.pauseMs ?? 0);
    const path = `/v2/${repository}/manifests/${manner.reference}`;
    const headers = { 'content-type': image.mediaType };
    const { status, text } = await wire.ask({ method: 'PUT', path, headers, body: image.bytes });
    if (status === 201) return count(wire.findings, 'pushes');
    const took = performance.now() - began;
    if (status !== 404 || took < manner.promisedMs) {
      wire.findings.violations.push(`PUT ${path} after ${took.toFixed(0)} ms: ${status} ${text}`);
    }
    count(wire.findings, 'pushes begun anew');
  }
  wire.findings.violations.push(`push to ${repository}:${manner.reference} did not come through`);
}

/** What is not there or not as it was pushed; undefined when all of it is. */
export async function flawOf(
  wire: Wire,
  repository: string,
  image: TestManifest,
  reference: string = image.digest,
): Promise<string | undefined> {
  const path = `/v2/${repository}/manifests/${reference}`;
  const manifest = await wire.ask({ method: 'GET', path, headers: { accept: image.mediaType } });
  if (manifest.status !== 200) return `GET ${path}: ${manifest.status} ${manifest.text}`;
  if (!manifest.bytes.equals(image.bytes)) return `GET ${path}: other bytes than were pushed`;
  for (const { digest, bytes } of image.blobs) {
    const blob = await wire.ask({ method: 'GET', path: `/v2/${repository}/blobs/${digest}` });
    if (blob.status !== 200) return `blob ${digest} of ${repository}:${reference}: ${blob.status} ${blob.text}`;
    if (!blob.bytes.equals(bytes)) return `blob ${digest} of ${repository}:${reference}: other bytes than were pushed`;
  }
  return undefined;
}

/** Layers that images of all clients have in common; so many that each dies now and then, and is asked for as it does. */
export const SHARED_LAYERS: readonly TestBlob[] = Array.from({ length: 60 }, (_, number) =>
  aBlob({ bytes: `shared layer ${number}\n`.repeat(2000 + number * 100) }),
);
