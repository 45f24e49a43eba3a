-- The gate: what is held back, and why. Times are milliseconds since the epoch, UTC.

-- What was found of a manifest: whether the policy of its repository is satisfied, by what, and until when. `policy` is the
-- version of the policy it was judged under; empty: what was found no longer holds, and it is to be judged anew.
-- `via`: satisfied through another manifest, the index that names it or the image it is attached to. `is_withheld`: those
-- who only pull do not see it. `good_until`: no longer satisfied after that, unless judged again. `judge_at`: when it is to
-- be looked at again. `changes` counts what made verdicts void, so that none is written over a newer fact.
create table verdicts (
  repository text not null,
  digest text not null,
  policy text not null,
  is_satisfied bigint not null,
  via text,
  is_withheld bigint not null,
  judged_at bigint,
  good_until bigint not null,
  judge_at bigint,
  changes bigint not null,
  summary text not null,
  evidence text,
  released_at bigint,
  released_by text,
  release_reason text,
  primary key (repository, digest)
);
create index verdicts_by_time on verdicts (judge_at) where judge_at is not null;
create index verdicts_by_via on verdicts (repository, via, digest) where via is not null;

-- Where a tag is to point once that is satisfied: the newest intention alone. What it points at for everybody else stays
-- in `tags`.
create table held_tags (
  repository text not null,
  name text not null,
  digest text not null,
  since bigint not null,
  held_by text not null,
  why text not null,
  lapses_at bigint not null,
  primary key (repository, name),
  foreign key (repository, digest) references manifests (repository, digest)
);
create index held_tags_by_digest on held_tags (repository, digest, name);
create index held_tags_by_time on held_tags (lapses_at);

-- Under which version of which policy all of a repository has been put on the list of what is to be judged.
create table repository_policies (
  repository text primary key references repositories (name),
  policy text not null
);

-- OpenPGP signatures as podman and skopeo make them: base64 of the message. `position` counts from 1, in order of arrival.
create table simple_signatures (
  repository text not null,
  digest text not null,
  position bigint not null,
  name text not null,
  content text not null,
  added_at bigint not null,
  added_by text not null,
  primary key (repository, digest, position)
);
create unique index simple_signatures_by_name on simple_signatures (repository, digest, name);

-- With what is asked for in the order in which it is asked: else SQLite walks over the whole repository to spare a sort.
drop index manifest_references_by_target;
create index manifest_references_by_target on manifest_references (repository, kind, target, manifest);
drop index tags_by_digest;
create index tags_by_digest on tags (repository, digest, name);
