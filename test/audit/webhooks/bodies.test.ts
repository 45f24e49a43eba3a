import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWebhooks } from '#audit/webhooks/open.ts';
import { insertBytes } from '#metadata/blobs.ts';
import type { NewEvent } from '#metadata/events.ts';
import { insertManifest } from '#metadata/manifests.ts';
import { ensureRepository } from '#metadata/repositories.ts';
import { ALICE, aWebhook, record } from '#test/support/events.ts';
import { type Receiver, aReceiver } from '#test/support/receiver.ts';
import { type Rooms, openRooms } from '#test/support/rooms.ts';

const AT = 1_700_000_000_000;
const DIGEST = `sha256:${'a'.repeat(64)}` as const;
const MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';
let rooms: Rooms;
let receiver: Receiver;
beforeEach(async () => {
  rooms = await openRooms();
  receiver = await aReceiver();
});
afterEach(async () => {
  await receiver.close();
  await rooms.close();
});

/** What a receiver gets when these happen. */
async function bodiesOf(format: string, events: NewEvent[], publicUrl?: string): Promise<unknown[]> {
  const webhooks = [aWebhook(receiver.url, { format })];
  const { jobs } = openWebhooks({ metadata: rooms.metadata, clock: rooms.context.clock, publicUrl, webhooks });
  const run = async (): Promise<void> => {
    for (const job of jobs) await job.run(new AbortController().signal);
  };
  await run();
  await record(rooms.metadata, events, AT);
  await run();
  return receiver.received.map(({ body }) => JSON.parse(body));
}

async function pushManifest(): Promise<void> {
  await rooms.metadata.transaction(async (inside) => {
    await ensureRepository(inside, 'team-a/app', AT);
    await insertBytes(inside, { digest: DIGEST, sizeBytes: 528, location: 'x' }, AT);
    await insertManifest(
      inside,
      {
        repository: 'team-a/app',
        digest: DIGEST,
        mediaType: MEDIA_TYPE,
        sizeBytes: 528,
        artifactType: '',
        subject: undefined,
        annotations: undefined,
        blobs: [],
        children: [],
        pushedBy: 'alice',
      },
      AT,
    );
  });
}

describe('a CloudEvent', () => {
  it('has the attributes of version 1.0, and the event as its data', async () => {
    const event = {
      kind: 'manifest.push',
      repository: 'team-a/app',
      reference: '1.4',
      digest: DIGEST,
      detail: { tags: ['1.4'] },
    } as const;
    expect(await bodiesOf('cloudevents', [event], 'https://registry.example.com')).toEqual([
      {
        specversion: '1.0',
        id: '1',
        source: 'https://registry.example.com',
        type: 'io.gatehouse.manifest.push',
        time: '2023-11-14T22:13:20.000Z',
        subject: 'team-a/app:1.4',
        datacontenttype: 'application/json',
        data: { id: 1, at: '2023-11-14T22:13:20.000Z', ...ALICE, ...event, outcome: 'done', count: 1 },
      },
    ]);
    expect(receiver.received[0]?.headers['content-type']).toBe('application/cloudevents+json');
  });

  it.each<[Partial<NewEvent>, string | undefined]>([
    [{ repository: 'a/b', reference: '1' }, 'a/b:1'],
    [{ repository: 'a/b', digest: DIGEST }, `a/b@${DIGEST}`],
    [{ repository: 'a/b', reference: DIGEST, digest: DIGEST }, `a/b@${DIGEST}`],
    [{ repository: 'a/b', reference: '1', digest: DIGEST }, 'a/b:1'],
    [{ repository: 'a/b' }, 'a/b'],
    [{ reference: 'bob' }, 'bob'],
    [{}, undefined],
  ])('about %j has the subject %j', async (event, subject) => {
    const [body] = await bodiesOf('cloudevents', [{ kind: 'manifest.delete', ...event }]);
    expect(body).toMatchObject({ source: 'gatehouse', type: 'io.gatehouse.manifest.delete' });
    expect((body as { subject?: string }).subject).toBe(subject);
  });
});

describe("the envelope of Docker's registry", () => {
  it('tells of a push with type, size and address', async () => {
    await pushManifest();
    const event: NewEvent = { kind: 'manifest.push', repository: 'team-a/app', reference: '1.4', digest: DIGEST };
    expect(await bodiesOf('docker', [event], 'https://registry.example.com:8443')).toEqual([
      {
        events: [
          {
            id: '1',
            timestamp: '2023-11-14T22:13:20.000Z',
            action: 'push',
            target: {
              mediaType: MEDIA_TYPE,
              digest: DIGEST,
              size: 528,
              length: 528,
              repository: 'team-a/app',
              url: `https://registry.example.com:8443/v2/team-a/app/manifests/${DIGEST}`,
              tag: '1.4',
            },
            request: { id: 'r-1', addr: '192.0.2.7', host: 'registry.example.com:8443', method: 'PUT', useragent: '' },
            actor: { name: 'alice' },
            source: { addr: hostname(), instanceID: expect.stringMatching(/^[0-9a-f-]{36}$/) },
          },
        ],
      },
    ]);
    expect(receiver.received[0]?.headers['content-type']).toBe('application/vnd.docker.distribution.events.v2+json');
  });

  it('leaves out what is not known, such as the size of what is gone', async () => {
    const event: NewEvent = { kind: 'manifest.delete', repository: 'team-a/app', reference: DIGEST, digest: DIGEST };
    expect(await bodiesOf('docker', [event])).toEqual([
      {
        events: [
          expect.objectContaining({
            action: 'delete',
            target: { digest: DIGEST, repository: 'team-a/app' },
            request: { id: 'r-1', addr: '192.0.2.7', method: 'DELETE', useragent: '' },
          }),
        ],
      },
    ]);
  });

  it("is sent for what Docker's registry tells of, and for nothing that was refused", async () => {
    const about = { repository: 'team-a/app', reference: '1' };
    const bodies = await bodiesOf('docker', [
      { kind: 'login' },
      { kind: 'manifest.push', ...about },
      { kind: 'tag.set', ...about },
      { kind: 'manifest.pull', ...about },
      { kind: 'manifest.push', ...about, outcome: 'refused' },
      { kind: 'tag.delete', ...about },
      { kind: 'grant.add', reference: 'alice' },
      { kind: 'manifest.delete', ...about },
      { kind: 'tag.hold', ...about },
      { kind: 'tag.publish', ...about },
    ]);
    const events = (bodies as { events: { id: string; action: string }[] }[]).flatMap((body) => body.events);
    expect(events.map(({ id, action }) => `${id} ${action}`)).toEqual([
      '2 push',
      '4 pull',
      '6 delete',
      '8 delete',
      '10 push',
    ]);
  });
});
