/** A named act on a schedule, as the scheduler takes it. */
export interface AuditJob {
  readonly name: string;
  /** A cron expression, local time. */
  readonly schedule: string;
  due?(): Promise<boolean>;
  run(signal: AbortSignal): Promise<string>;
}
