-- The facts. Bytes live in storage; a row here says what they are and who may see them where.
-- Dialect: what SQLite and PostgreSQL share. Times are milliseconds since the epoch, UTC.

-- A name something was pushed under. Created by the first blob or manifest, never by a read.
create table repositories (
  name text primary key,
  created_at bigint not null
);

-- Bytes we hold: one row, one object, however many repositories use them. `location` is the storage key; it is
-- unique to the upload that brought the bytes, so removing an old object can never hit a new one.
create table blobs (
  digest text primary key,
  size_bytes bigint not null,
  location text not null unique,
  created_at bigint not null
);

-- Which repository may read which blob: it uploaded it or mounted it. The size stands here too, because clients ask
-- for it before each layer they push: one row answers.
create table repository_blobs (
  repository text not null references repositories (name),
  digest text not null references blobs (digest),
  size_bytes bigint not null,
  linked_at bigint not null,
  primary key (repository, digest)
);
create index repository_blobs_by_digest on repository_blobs (digest);

create table manifests (
  repository text not null references repositories (name),
  digest text not null references blobs (digest),
  media_type text not null,
  size_bytes bigint not null,
  artifact_type text not null,
  subject text,
  annotations text,
  pushed_at bigint not null,
  pushed_by text not null,
  primary key (repository, digest)
);
create index manifests_by_subject on manifests (repository, subject, digest) where subject is not null;
create index manifests_by_digest on manifests (digest);

-- What a manifest names: `blob` for its config and layers, `manifest` for the children of an index.
create table manifest_references (
  repository text not null,
  manifest text not null,
  kind text not null check (kind in ('blob', 'manifest')),
  target text not null,
  primary key (repository, manifest, kind, target),
  foreign key (repository, manifest) references manifests (repository, digest) on delete cascade
);
create index manifest_references_by_target on manifest_references (repository, kind, target);

create table tags (
  repository text not null,
  name text not null,
  digest text not null,
  updated_at bigint not null,
  updated_by text not null,
  primary key (repository, name),
  foreign key (repository, digest) references manifests (repository, digest)
);
create index tags_by_digest on tags (repository, digest);

-- An upload under way. `digest` is known while the upload is a single part hashed on its way in.
create table uploads (
  id text primary key,
  repository text not null,
  algorithm text not null,
  size_bytes bigint not null,
  digest text,
  started_by text not null,
  updated_at bigint not null
);
create index uploads_by_age on uploads (updated_at);

create table upload_parts (
  upload text not null references uploads (id) on delete cascade,
  start_byte bigint not null,
  location text not null unique,
  primary key (upload, start_byte)
);

create table users (
  name text primary key,
  password_hash text not null,
  created_at bigint not null,
  updated_at bigint not null
);

-- Who runs a job now. A lease is free once `expires_at` has passed.
create table leases (
  name text primary key,
  holder text not null,
  expires_at bigint not null
);
