import { expect, test } from 'vitest';
import { repositoryOf } from '#trust/docker-reference.ts';

test.each([
  ['', undefined],
  ['registry.example.com/team-a/app', 'team-a/app'],
  ['registry.example.com/team-a/app:1.0', 'team-a/app'],
  ['registry.example.com:5000/team-a/app:1.0@sha256:abc', 'team-a/app'],
  ['localhost/app', 'app'],
  ['localhost:5000/app', 'app'],
  ['[::1]:5000/team-a/app', 'team-a/app'],
  ['registry/library/app', 'registry/library/app'],
  ['team-a/app', 'team-a/app'],
  ['app:1.0', 'app'],
  ['registry.example.com/a/registry.example.com/b', 'a/registry.example.com/b'],
  // Nonsense equals no repository; undefined would fit every one.
  ['registry.example.com/', 'registry.example.com/'],
  ['@sha256:abc', '@sha256:abc'],
  [':1.0', ':1.0'],
  ['/app', '/app'],
  ['registry.example.com/Team/App', 'Team/App'],
])('the repository of %j is %j', (reference, want) => {
  expect(repositoryOf(reference)).toBe(want);
});
