import type { Missing } from './policy.ts';
/** Temporary. */
export function hintsFor(
  missing: readonly Missing[],
  { repository, digest, host }: { repository: string; digest: string; host?: string | undefined },
): string[] {
  return missing.map(
    ({ root }) => `cosign sign --key <private key of ${root}> ${host ?? 'HOST'}/${repository}@${digest}`,
  );
}
