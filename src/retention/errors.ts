/**
 * Why a plan was not carried out, a list not taken, or nothing restored.
 *
 * - `plan-unknown`: there is no plan of that id, or it is forgotten
 * - `plan-unfinished`: it is still being made, or whoever made it died
 * - `plan-done`: it was carried out before
 * - `plan-outdated`: it was made too long ago
 * - `pattern-invalid`: what a plan is to be limited to is no pattern
 * - `nothing-in-use`: a list of what is in use holds not one reference
 * - `not-removed`: what is to be restored is there
 */
export type RetentionReason =
  | 'plan-unknown'
  | 'plan-unfinished'
  | 'plan-done'
  | 'plan-outdated'
  | 'pattern-invalid'
  | 'nothing-in-use'
  | 'not-removed';

/** What cannot be done about what is kept and what goes, in words no protocol owns. */
export class RetentionError extends Error {
  readonly reason: RetentionReason;

  constructor(reason: RetentionReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RetentionError';
    this.reason = reason;
  }
}
