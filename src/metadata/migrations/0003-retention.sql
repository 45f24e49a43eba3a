-- What was, so that it can be again; and what may be given back. Times are milliseconds since the epoch, UTC.

-- A tag is a stack of revisions. The one without an end is what the tag points at now; a tag that is gone has none.
create table tag_revisions (
  repository text not null,
  tag text not null,
  revision bigint not null,
  digest text not null,
  since bigint not null,
  set_by text not null,
  set_why text not null,
  until bigint,
  ended_by text,
  ended_why text,
  primary key (repository, tag, revision)
);
create index tag_revisions_by_digest on tag_revisions (repository, digest);
insert into tag_revisions (repository, tag, revision, digest, since, set_by, set_why)
  select repository, name, 1, digest, updated_at, updated_by, 'push' from tags;

-- Manifests that were removed and can still be restored: as they were, and what took them. `removal` is one act: what
-- went in it comes back together. Their bytes, and the blobs they name, are not given back while they stand here.
create table removed_manifests (
  repository text not null references repositories (name),
  digest text not null references blobs (digest),
  media_type text not null,
  size_bytes bigint not null,
  artifact_type text not null,
  subject text,
  annotations text,
  pushed_at bigint not null,
  pushed_by text not null,
  removed_at bigint not null,
  removed_by text not null,
  removed_why text not null,
  removal text not null,
  primary key (repository, digest)
);
create index removed_manifests_by_time on removed_manifests (removed_at);
create index removed_manifests_by_subject on removed_manifests (repository, subject) where subject is not null;
create index removed_manifests_by_removal on removed_manifests (removal);
create index removed_manifests_by_digest on removed_manifests (digest);

create table removed_references (
  repository text not null,
  manifest text not null,
  kind text not null check (kind in ('blob', 'manifest')),
  target text not null,
  primary key (repository, manifest, kind, target),
  foreign key (repository, manifest) references removed_manifests (repository, digest) on delete cascade
);
create index removed_references_by_target on removed_references (repository, kind, target);
create index removed_references_by_blob on removed_references (target) where kind = 'blob';

-- What collection looks at, and when: queues of what may have died, so that no run walks over what lives. A link is a
-- repository's permission to read a blob; a client that was told of one can rely on it until `review_after`.
create table link_reviews (
  repository text not null,
  digest text not null,
  review_after bigint not null,
  primary key (repository, digest)
);
create index link_reviews_by_time on link_reviews (review_after);

create table blob_reviews (
  digest text primary key,
  review_after bigint not null
);
create index blob_reviews_by_time on blob_reviews (review_after);

-- Objects that no fact speaks of any more and that may still lie in storage: what a crash left to do.
create table discarded_objects (
  location text primary key,
  size_bytes bigint not null
);

-- Manifests that something has as its subject and that may not be there. What belongs to one that is not there when it
-- is looked at goes after it.
create table subject_reviews (
  repository text not null,
  subject text not null,
  review_after bigint not null,
  primary key (repository, subject)
);
create index subject_reviews_by_time on subject_reviews (review_after);
insert into subject_reviews (repository, subject, review_after)
  select distinct repository, subject, pushed_at from manifests where subject is not null;

-- Everything that is there now is looked at once.
insert into link_reviews (repository, digest, review_after) select repository, digest, linked_at from repository_blobs;
insert into blob_reviews (digest, review_after) select digest, created_at from blobs;

-- When something was last pulled, to the hour. `tag` is empty for pulls by digest.
create table pulls (
  repository text not null,
  tag text not null,
  digest text not null,
  last_at bigint not null,
  primary key (repository, tag, digest)
);

-- What clusters say they run, until `expires_at`. `tag` or `digest` is empty where the reference had none.
create table in_use (
  repository text not null,
  tag text not null,
  digest text not null,
  source text not null,
  imported_at bigint not null,
  expires_at bigint not null,
  primary key (repository, tag, digest, source)
);
create index in_use_by_expiry on in_use (expires_at);

-- Plans of pruning. `status`: making, planned, stopped (by the brake), done. `summary` is JSON.
create table prune_plans (
  id text primary key,
  made_at bigint not null,
  made_by text not null,
  status text not null,
  summary text not null,
  confirmed_at bigint,
  confirmed_by text
);
create index prune_plans_by_time on prune_plans (made_at);

-- `item`: tag, revision or manifest. `name`: the tag, for items that have one. `outcome` once it was carried out.
create table prune_items (
  plan text not null references prune_plans (id) on delete cascade,
  position bigint not null,
  repository text not null,
  item text not null,
  name text not null,
  revision bigint not null,
  digest text not null,
  fate text not null check (fate in ('keep', 'delete')),
  reason text not null,
  outcome text,
  primary key (plan, position)
);
create index prune_items_by_repository on prune_items (plan, repository, position);

-- Until when each schedule was looked at, so that a start that was missed can be made up for, and none is made twice.
create table schedule_marks (
  name text primary key,
  looked_until bigint not null
);
