/*
 * A repository with something held, something withheld and something that everybody sees, beside one in which nothing of
 * it is; a server with a gate before it, and everybody who may look.
 */
import { holdTag } from '#metadata/held-tags.ts';
import { isDigest } from '#oci/digest.ts';
import { EMPTY, PAYLOAD, part, signatures, subjectOf, tagOf } from '#test/support/attachments.ts';
import { type Answer, type Call, call } from '#test/support/client.ts';
import { type Gatehouse, startGatehouse } from '#test/support/gatehouse.ts';
import { type Guarded, startGuarded, withhold } from '#test/support/guarded.ts';
import { type TestManifest, aBlob, aManifest, anIndex, pushBlob, pushImage } from '#test/support/images.ts';
import { type People, askToken, bearerOf, openPeople } from '#test/support/people.ts';

export const GUARDED = 'guarded/app';
/** Where everybody may do the same, and where nothing of it is. */
export const VOID = 'void/app';

const LAYER = 'application/vnd.oci.image.layer.v1.tar';
const shared = aBlob();
const imageOver = (layer: typeof shared): TestManifest => {
  const image = aManifest({ layers: 0, fields: { layers: [part(LAYER, shared), part(LAYER, layer)] } });
  return { ...image, blobs: [...image.blobs, shared, layer] };
};
const own = aBlob();
const withheld = imageOver(own);
const child = aManifest();

/** What there is. `withheld`, `index` and `blocked` are what somebody published and the gate no longer shows. */
export const images = {
  shared,
  own,
  unnamed: aBlob(),
  held: aManifest(),
  old: aManifest(),
  renewed: aManifest(),
  published: imageOver(aBlob()),
  withheld,
  child,
  index: anIndex([child]),
  signature: signatures(['x']),
  referrer: aReferrer(withheld),
} as const;

/** Something attached to an image. */
export function aReferrer(image: TestManifest): TestManifest {
  return aManifest({ layers: 0, fields: { artifactType: 'application/vnd.example', subject: subjectOf(image) } });
}

/** A thing that may be asked for, and the digest that insiders and outsiders get, if any. */
export interface Thing {
  readonly name: string;
  readonly path: string;
  readonly insider: string;
  readonly outsider: string | undefined;
}

const manifest = (name: string, reference: string, insider: string, outsider?: string): Thing => ({
  name,
  path: `manifests/${reference}`,
  insider,
  outsider,
});
const blob = (name: string, digest: string, outsider?: string): Thing => ({
  name,
  path: `blobs/${digest}`,
  insider: digest,
  outsider,
});

/** Everything there is to ask for by a name of its own. */
export const THINGS: readonly Thing[] = [
  manifest('a tag that is only held', 'waiting', images.held.digest),
  manifest('what is held, by digest', images.held.digest, images.held.digest),
  manifest('a tag held over an older one', 'moved', images.renewed.digest, images.old.digest),
  manifest('what is held over an older one, by digest', images.renewed.digest, images.renewed.digest),
  manifest('a published tag', 'published', images.published.digest, images.published.digest),
  manifest('what is published, by digest', images.published.digest, images.published.digest, images.published.digest),
  manifest('a published tag of what is withheld', 'blocked', withheld.digest),
  manifest('what is withheld, by digest', withheld.digest, withheld.digest),
  manifest('a withheld index', 'multi', images.index.digest),
  manifest('a child of a withheld index', child.digest, child.digest),
  manifest('a referrer of what is withheld', images.referrer.digest, images.referrer.digest),
  manifest('the signatures of what is withheld', tagOf(withheld), images.signature.digest),
  blob('a blob of what is withheld', own.digest),
  blob('a blob of what is withheld and what is not', shared.digest, shared.digest),
  blob('a blob that nothing names', images.unnamed.digest),
];

/** The servers and people of a test. */
export interface Scene extends AsyncDisposable {
  readonly gatehouse: Gatehouse;
  readonly guarded: Guarded;
  readonly people: People;
}

export async function openScene(): Promise<Scene> {
  const gatehouse = await startGatehouse({ access: { passwords: { failureDelay: '0s' } } });
  const guarded = await startGuarded(gatehouse);
  const people = await openPeople(gatehouse);
  await furnish(gatehouse.url, people);
  return {
    gatehouse,
    guarded,
    people,
    async [Symbol.asyncDispose]() {
      await people[Symbol.asyncDispose]();
      await guarded[Symbol.asyncDispose]();
      await gatehouse.stop();
    },
  };
}

/** Pushes past the gate: what is there is there, whoever sees it. */
async function furnish(url: string, people: People): Promise<void> {
  const { held, renewed, old, published, index, referrer, signature, unnamed } = images;
  for (const loose of [unnamed, EMPTY, PAYLOAD]) await pushBlob(url, GUARDED, loose);
  for (const image of [held, renewed, child]) await pushImage(url, GUARDED, image);
  const tagged = { moved: old, published, blocked: withheld, multi: index, [tagOf(withheld)]: signature };
  for (const [tag, image] of Object.entries(tagged)) await pushImage(url, GUARDED, image, tag);
  await pushImage(url, GUARDED, referrer);
  await pushImage(url, VOID, aManifest(), 'other');
  const hold = { repository: GUARDED, since: 1, by: 'test', why: 'push', lapsesAt: 8.64e15 } as const;
  await people.metadata.transaction(async (inside) => {
    await holdTag(inside, { ...hold, name: 'waiting', digest: held.digest });
    await holdTag(inside, { ...hold, name: 'moved', digest: renewed.digest });
  });
  const hidden = [held, renewed, withheld, index, child, signature, referrer].map(({ digest }) => digest);
  await withhold(people.metadata, GUARDED, hidden.filter(isDigest));
}

/** Somebody who looks. */
export interface Looker {
  readonly eyes: 'insider' | 'outsider';
  readonly headers: Record<string, string>;
}

/** Everybody who may look at both repositories, by whatever makes them who they are. */
export async function lookers({ people, guarded }: Scene): Promise<ReadonlyMap<string, Looker>> {
  const places = [GUARDED, VOID];
  const grants = (role: 'viewer' | 'signer' | 'editor' | 'admin') =>
    places.map((place) => `registry-${role} ${place}` as const);
  await people.grant('group', 'system:anonymous', grants('viewer'));
  const [viewer, signer, editor, admin] = [
    await people.robot('viewer', grants('viewer')),
    await people.robot('signer', grants('signer')),
    await people.robot('editor', grants('editor')),
    await people.robot('admin', grants('admin')),
  ];
  const elsewhere = await people.robot('elsewhere', [
    ...grants('viewer'),
    'registry-admin guarded/app/',
    'registry-admin other/',
  ]);
  const token = async (authorization: string, actions: string): Promise<string> =>
    bearerOf(
      await askToken(
        guarded.url,
        authorization,
        places.map((place) => `repository:${place}:${actions}`),
      ),
    );
  const outsider = (headers: Record<string, string>): Looker => ({ eyes: 'outsider', headers });
  const insider = (authorization: string): Looker => ({ eyes: 'insider', headers: { authorization } });
  return new Map([
    ['nobody', outsider({})],
    ['a viewer', outsider({ authorization: viewer })],
    ['an admin of other repositories', outsider({ authorization: elsewhere })],
    [
      'a viewer whose token was asked for to push',
      outsider({ authorization: await token(viewer, 'pull,push,delete') }),
    ],
    ['a viewer with cosign', outsider({ authorization: viewer, 'user-agent': 'cosign/v2.4.1 (linux; amd64)' })],
    [
      'a viewer with podman',
      outsider({ authorization: viewer, 'user-agent': 'containers/5.34 (github.com/containers/image)' }),
    ],
    ['nobody, with notation', outsider({ 'user-agent': 'notation/1.3.0' })],
    ['a signer', insider(signer)],
    ['an editor', insider(editor)],
    ['an admin', insider(admin)],
    ['a signer whose token is to pull', insider(await token(signer, 'pull'))],
    ['an editor whose token is to pull', insider(await token(editor, 'pull'))],
  ]);
}

/** One question of somebody. */
export function ask(url: string, { headers }: Looker, { headers: more, ...question }: Call): Promise<Answer> {
  return call(url, { ...question, anonymous: true, headers: { ...headers, ...more } });
}

/** All of an answer but what differs between any two: when it was given, and the number of the request. */
export function whole({ status, headers, text }: Answer): object {
  const { date: _, 'x-request-id': __, ...rest } = headers;
  return { status, headers: rest, text };
}
