-- Who may do what, and who did what. Times are milliseconds since the epoch, UTC.

-- Groups kept here. Groups that an OIDC issuer vouches for have no row: they come with each token.
create table user_groups (
  name text primary key,
  created_at bigint not null
);

create table group_members (
  group_name text not null references user_groups (name) on delete cascade,
  member text not null,
  added_at bigint not null,
  primary key (group_name, member)
);
create index group_members_by_member on group_members (member);

-- Service accounts. `scope` bounds what any grant can give a robot; see grants.scope for its form.
create table robots (
  name text primary key,
  secret_hash text not null,
  scope text not null,
  description text not null,
  created_at bigint not null,
  created_by text not null,
  rotated_at bigint not null,
  expires_at bigint,
  disabled_at bigint
);

-- `kind`: user (robots and certificates too) or group (system:authenticated and system:anonymous too).
-- `scope`: * is every repository, a text that ends in / every repository under it, any other text that one repository.
create table grants (
  kind text not null check (kind in ('user', 'group')),
  subject text not null,
  role text not null,
  scope text not null,
  created_at bigint not null,
  created_by text not null,
  primary key (kind, subject, role, scope)
);
create index grants_by_scope on grants (scope);

-- Counts every change to users, groups, robots and grants, so that one small read says whether what a process remembers
-- of them still holds.
create table access_state (
  name text primary key,
  version bigint not null
);
insert into access_state (name, version) values ('access', 1);

-- Long-lived tokens that clients keep instead of a password. `stamp` is the credential they were bought with.
create table refresh_tokens (
  id text primary key,
  secret_hash text not null,
  subject text not null,
  stamp text not null,
  created_at bigint not null,
  expires_at bigint not null
);
create index refresh_tokens_by_subject on refresh_tokens (subject);
create index refresh_tokens_by_expiry on refresh_tokens (expires_at);

-- Private keys that all nodes share. `certificate` is PEM where the key has one.
create table keys (
  id text primary key,
  purpose text not null,
  private_key text not null,
  certificate text,
  created_at bigint not null,
  expires_at bigint not null
);
create index keys_by_purpose on keys (purpose, created_at);

-- Who did what. Written in the transaction of the change it reports; ids rise in the order of commits.
create table events (
  id bigint primary key,
  at bigint not null,
  kind text not null,
  actor text not null,
  address text not null,
  request_id text not null,
  repository text,
  reference text,
  digest text,
  outcome text not null check (outcome in ('done', 'refused')),
  reason text,
  detail text,
  count bigint not null
);
create index events_by_time on events (at);
create index events_by_repository on events (repository, id) where repository is not null;
create index events_by_actor on events (actor, id);

-- How far each webhook has come, and when a delivery that failed is tried again. `failing_since` is when the event after
-- `last_event` failed for the first time.
create table webhook_cursors (
  webhook text primary key,
  last_event bigint not null,
  attempts bigint not null,
  next_attempt_at bigint not null,
  failing_since bigint,
  last_error text
);

-- Before there were roles every user could do everything. What they could do with images they still can.
insert into grants (kind, subject, role, scope, created_at, created_by)
  select 'user', name, 'system-admin', '*', created_at, 'migration' from users where name = 'admin';
insert into grants (kind, subject, role, scope, created_at, created_by)
  select 'user', name, 'registry-editor', '*', created_at, 'migration' from users where name <> 'admin';
