import { randomBytes } from 'node:crypto';
import type { Permission } from '#access/permissions.ts';
import { type Call, call } from '#test/support/client.ts';
import { type TestManifest, aBlob, aManifest, pushBlob, pushImage, putManifest } from '#test/support/images.ts';

/** The repository every call of the matrix is about. */
export const TARGET = 'team-a/app';

/** A request without its `Authorization`. */
export type Request = Omit<Call, 'anonymous'>;

/** What there is to call on; `fresh` things may be used up, what is shared must survive every refusal. */
export interface Stage {
  readonly url: string;
  readonly image: TestManifest;
  /** A manifest, tagged `spare`, that nothing else names. */
  readonly spare: TestManifest;
  readonly blob: string;
  readonly upload: string;
}

/** One way of calling a route that is about a repository. */
export interface RepositoryRow {
  /** `METHOD name`, as the route's own. */
  readonly route: string;
  readonly call: string;
  /** What it takes, in the words of docs/access.md. */
  readonly needs: Permission;
  /** What it takes to get past the entrance, where the registry looks closer at what was sent. */
  readonly enters?: Permission;
  /** The status for somebody who may. */
  readonly success: number;
  /** The status for somebody who may not see the repository. */
  readonly unseen: number;
  /** Whoever may not hears the same as of what does not exist, and is never asked who they are. */
  readonly isSilent?: true;
  /** The scope a client asks a token for. */
  readonly actions: string;
  /** `isAllowed`: the request will be granted if all is well, so it must be about something of its own. */
  readonly request: (stage: Stage, isAllowed: boolean) => Promise<Request> | Request;
}

const manifests = (reference: string): string => `/v2/${TARGET}/manifests/${reference}`;
const blobs = (digest: string): string => `/v2/${TARGET}/blobs/${digest}`;

/** Everything is called as GET and as HEAD where the route answers both. */
function reads(
  row: Pick<RepositoryRow, 'route' | 'unseen' | 'isSilent'>,
  path: (stage: Stage) => string,
): RepositoryRow[] {
  return ['GET', 'HEAD'].map((method) => ({
    ...row,
    call: method,
    needs: 'pull',
    actions: 'pull',
    success: 200,
    request: (stage) => ({ method, path: path(stage) }),
  }));
}

async function freshUpload({ url }: Stage): Promise<string> {
  const { headers } = await call(url, { method: 'POST', path: `/v2/${TARGET}/blobs/uploads/` });
  return headers.location ?? '';
}

async function freshManifest({ url }: Stage, tag?: string): Promise<TestManifest> {
  const manifest = aManifest({ layers: 0 });
  await pushImage(url, TARGET, manifest, tag);
  return manifest;
}

async function freshBlob({ url }: Stage): Promise<string> {
  const blob = aBlob();
  await pushBlob(url, TARGET, blob);
  return blob.digest;
}

/** A signature by referrer, of what every stage has: its config is the empty one and its layer the stage's blob. */
function attachmentTo({ image, blob }: Stage): TestManifest {
  const empty = aBlob({ bytes: '{}' });
  return aManifest({
    layers: 0,
    fields: {
      artifactType: 'application/vnd.example.signature',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: empty.digest, size: 2 },
      layers: [{ mediaType: 'application/vnd.example.signature', digest: blob, size: 64 }],
      subject: { mediaType: image.mediaType, digest: image.digest, size: image.bytes.length },
      annotations: { nonce: aBlob().digest },
    },
  });
}

let count = 0;
function next(): string {
  count += 1;
  return `tag-${count}`;
}

const PUSHING = { needs: 'attach', actions: 'pull,push' } as const;

const UPLOADING: RepositoryRow[] = [
  {
    ...PUSHING,
    route: 'POST end-4',
    call: 'start',
    success: 202,
    unseen: 403,
    request: () => ({ method: 'POST', path: `/v2/${TARGET}/blobs/uploads/` }),
  },
  {
    ...PUSHING,
    route: 'POST end-4',
    call: 'a blob in one piece',
    success: 201,
    unseen: 403,
    request: () => {
      const { digest, bytes } = aBlob();
      return { method: 'POST', path: `/v2/${TARGET}/blobs/uploads/?digest=${digest}`, body: bytes };
    },
  },
  {
    ...PUSHING,
    route: 'POST end-4',
    call: 'a mount of nothing',
    success: 202,
    unseen: 403,
    request: () => ({
      method: 'POST',
      path: `/v2/${TARGET}/blobs/uploads/?mount=${aBlob().digest}&from=${TARGET}`,
    }),
  },
  {
    ...PUSHING,
    route: 'PATCH end-5',
    call: 'a stretch',
    success: 202,
    unseen: 404,
    request: async (stage, isAllowed) => ({
      method: 'PATCH',
      path: isAllowed ? await freshUpload(stage) : stage.upload,
      body: 'abc',
    }),
  },
  {
    ...PUSHING,
    route: 'PUT end-6',
    call: 'the end',
    success: 201,
    unseen: 404,
    request: async (stage, isAllowed) => {
      const { digest, bytes } = aBlob();
      const upload = isAllowed ? await freshUpload(stage) : stage.upload;
      return { method: 'PUT', path: `${upload}?digest=${digest}`, body: bytes };
    },
  },
  ...['GET', 'HEAD'].map(
    (method): RepositoryRow => ({
      ...PUSHING,
      route: 'GET end-13',
      call: method,
      success: 204,
      unseen: 404,
      request: ({ upload }) => ({ method, path: upload }),
    }),
  ),
  {
    ...PUSHING,
    route: 'DELETE end-14',
    call: 'cancel',
    success: 204,
    unseen: 404,
    request: async (stage, isAllowed) => ({
      method: 'DELETE',
      path: isAllowed ? await freshUpload(stage) : stage.upload,
    }),
  },
];

const WRITING: RepositoryRow[] = [
  {
    route: 'PUT end-7',
    call: 'an image under a tag',
    needs: 'push',
    enters: 'attach',
    actions: 'pull,push',
    success: 201,
    unseen: 403,
    request: ({ image: { bytes, mediaType } }) => ({
      method: 'PUT',
      path: manifests(next()),
      headers: { 'content-type': mediaType },
      body: bytes,
    }),
  },
  {
    ...PUSHING,
    route: 'PUT end-7',
    call: 'a signature',
    success: 201,
    unseen: 403,
    request: (stage) => {
      const { bytes, mediaType, digest } = attachmentTo(stage);
      return { method: 'PUT', path: manifests(digest), headers: { 'content-type': mediaType }, body: bytes };
    },
  },
  {
    route: 'DELETE end-9',
    call: 'a tag',
    needs: 'untag',
    actions: 'delete',
    success: 202,
    unseen: 404,
    request: async (stage, isAllowed) => {
      const tag = isAllowed ? next() : 'spare';
      if (isAllowed) await putManifest(stage.url, TARGET, stage.image, tag);
      return { method: 'DELETE', path: manifests(tag) };
    },
  },
  ...[(digest: string) => digest, (digest: string) => digest.replace(':', '%3A')].map(
    (spelling): RepositoryRow => ({
      route: 'DELETE end-9',
      call: `a digest with its colon as ${spelling(':')}`,
      needs: 'delete',
      actions: 'delete',
      success: 202,
      unseen: 404,
      request: async (stage, isAllowed) => {
        const { digest } = isAllowed ? await freshManifest(stage) : stage.spare;
        return { method: 'DELETE', path: manifests(spelling(digest)) };
      },
    }),
  ),
  {
    route: 'DELETE end-10',
    call: 'a blob',
    needs: 'delete',
    actions: 'delete',
    success: 202,
    unseen: 404,
    request: async (stage, isAllowed) => ({
      method: 'DELETE',
      path: blobs(isAllowed ? await freshBlob(stage) : stage.blob),
    }),
  },
];

/** As the signature extension takes it; nothing looks whether it is worth anything. */
export function aSignature(digest: string): string {
  const name = `${digest}@${randomBytes(16).toString('hex')}`;
  const content = Buffer.concat([Buffer.from([0xa3]), randomBytes(32)]).toString('base64');
  return JSON.stringify({ schemaVersion: 2, name, type: 'atomic', content });
}

/** Where the signature extension answers. */
export function signaturesPath(digest: string): string {
  return `/extensions/v2/${TARGET}/signatures/${digest}`;
}

const SIGNING: RepositoryRow[] = [
  ...reads({ route: 'GET signatures', unseen: 200 }, ({ image }) => signaturesPath(image.digest)),
  {
    ...PUSHING,
    route: 'PUT signatures',
    call: 'a signature',
    success: 201,
    unseen: 403,
    request: (_, isAllowed) => {
      const { digest } = isAllowed ? aManifest() : aBlob();
      return { method: 'PUT', path: signaturesPath(digest), body: aSignature(digest) };
    },
  },
  ...reads(
    { route: 'GET lookaside', unseen: 404, isSilent: true },
    ({ image }) => `/lookaside/${TARGET}@${image.digest.replace(':', '=')}/signature-1`,
  ),
];

/** Every way of calling every route that is about a repository. */
export const REPOSITORY_ROWS: readonly RepositoryRow[] = [
  ...reads({ route: 'GET end-3', unseen: 404 }, () => manifests('latest')),
  ...reads({ route: 'GET end-2', unseen: 404 }, ({ blob }) => blobs(blob)),
  ...reads({ route: 'GET end-8', unseen: 404 }, () => `/v2/${TARGET}/tags/list`),
  // Of what does not exist there is an empty list.
  ...reads({ route: 'GET end-12', unseen: 200 }, ({ image }) => `/v2/${TARGET}/referrers/${image.digest}`),
  ...UPLOADING,
  ...WRITING,
  ...SIGNING,
];

/** Whoever calls what is about no repository. */
export type Visitor = 'nobody' | 'somebody' | 'admin';
/** What they come with. `catalog`, `api`, `repository`: a token for that and nothing else. */
export type Ticket = 'nothing' | 'password' | 'repository' | 'catalog' | 'api';

/** One way of calling a route that is about no repository: whom it lets in with what. */
export interface OtherRow {
  readonly route: string;
  readonly call: string;
  readonly admits: (visitor: Visitor, ticket: Ticket) => boolean;
  /** The status of a refusal; 401 unless given. */
  readonly refusal?: number;
  readonly request: Request;
}

const anybody = (): boolean => true;
const form = { 'content-type': 'application/x-www-form-urlencoded' };

/** Every way of calling every route that is about no repository. */
export const OTHER_ROWS: readonly OtherRow[] = [
  ...['/v2/', '/v2'].map((path) => ({
    route: 'GET end-1',
    call: path,
    admits: (visitor: Visitor) => visitor !== 'nobody',
    request: { method: 'GET', path },
  })),
  {
    route: 'GET catalog',
    call: 'the list',
    admits: (visitor, ticket) => visitor !== 'nobody' && (ticket === 'password' || ticket === 'catalog'),
    request: { method: 'GET', path: '/v2/_catalog' },
  },
  {
    route: 'GET token',
    call: 'for nothing',
    admits: (_, ticket) => ticket === 'password',
    request: { method: 'GET', path: '/token' },
  },
  {
    route: 'POST token',
    call: 'with a refresh token of nobody',
    admits: () => false,
    request: { method: 'POST', path: '/token', headers: form, body: 'grant_type=refresh_token&refresh_token=x' },
  },
  {
    route: 'GET authority',
    call: 'where there is none',
    admits: () => false,
    refusal: 404,
    request: { method: 'GET', path: '/.well-known/gatehouse/ca.pem' },
  },
  {
    route: 'GET api.document',
    call: 'the document',
    admits: anybody,
    request: { method: 'GET', path: '/api/v1/openapi.json' },
  },
  { route: 'GET jwks', call: 'keys', admits: anybody, request: { method: 'GET', path: '/.well-known/jwks.json' } },
  { route: 'GET healthz', call: 'health', admits: anybody, request: { method: 'GET', path: '/healthz' } },
  { route: 'GET readyz', call: 'readiness', admits: anybody, request: { method: 'GET', path: '/readyz' } },
  { route: 'GET metrics', call: 'from here', admits: anybody, request: { method: 'GET', path: '/metrics' } },
  {
    route: 'GET metrics',
    call: 'through a proxy',
    admits: () => false,
    refusal: 403,
    request: { method: 'GET', path: '/metrics', headers: { 'x-forwarded-for': '192.0.2.1' } },
  },
];
