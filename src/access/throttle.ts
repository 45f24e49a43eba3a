import { setTimeout } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { networkOf } from '#base/network.ts';
import { AuthenticationError } from './errors.ts';

/** Slows down whoever tries passwords, by account and by address; where there is no account to guess at, by address. */
export interface Throttle {
  /**
   * Waits as long as wrong passwords before this one ask for.
   *
   * @throws {AuthenticationError} slow-down: so many already wait for this account or from this address
   */
  wait(account: string | undefined, address: string): Promise<void>;
  /** A wrong password. */
  failed(account: string | undefined, address: string): void;
  /** A right one: its account starts anew. Its address does not, or any account would free it for guessing at others. */
  succeeded(account: string | undefined): void;
}

/** So many wrong ones are forgiven; the wait doubles from there on. */
const LIMITS = {
  account: { free: 5, waiting: 4 },
  // A whole office may share an address.
  address: { free: 20, waiting: 16 },
} as const;

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
/** How long a wrong password counts after the last one. */
const REMEMBERED_MS = 15 * 60_000;
// Attackers choose names and addresses: what is remembered of them is bounded, the longest unused goes first.
const REMEMBERED_MAX = 50_000;

interface Record {
  failures: number;
  waiting: number;
}

/** Counts in this process alone: several nodes together allow as many times more. */
export function openThrottle(sleep: (ms: number) => Promise<unknown> = setTimeout): Throttle {
  const records = new LRUCache<string, Record>({ max: REMEMBERED_MAX, ttl: REMEMBERED_MS, updateAgeOnGet: false });
  const recordOf = (key: string): Record => records.get(key) ?? { failures: 0, waiting: 0 };

  const pass = async (key: string, { free, waiting }: { free: number; waiting: number }): Promise<void> => {
    const record = records.get(key);
    const waitMs = waitOf(record?.failures ?? 0, free);
    if (record === undefined || waitMs === 0) return;
    if (record.waiting >= waiting) {
      throw new AuthenticationError('slow-down', 'too many wrong passwords', {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
      });
    }
    record.waiting += 1;
    try {
      await sleep(waitMs);
    } finally {
      record.waiting -= 1;
    }
  };

  return {
    async wait(account, address) {
      if (account !== undefined) await pass(accountKey(account), LIMITS.account);
      await pass(addressKey(address), LIMITS.address);
    },
    failed(account, address) {
      const keys = account === undefined ? [] : [accountKey(account)];
      for (const key of [...keys, addressKey(address)]) {
        const record = recordOf(key);
        record.failures += 1;
        records.set(key, record);
      }
    },
    succeeded(account) {
      if (account !== undefined) records.delete(accountKey(account));
    },
  };
}

function waitOf(failures: number, free: number): number {
  return failures < free ? 0 : Math.min(FIRST_WAIT_MS * 2 ** Math.min(failures - free, 10), LONGEST_WAIT_MS);
}

/** Longer than any name: what was typed in may be as long as a form, and fifty thousand of those would be our memory. */
const ACCOUNT_MAX_LENGTH = 80;

function accountKey(account: string): string {
  return `account ${account.slice(0, ACCOUNT_MAX_LENGTH)}`;
}

function addressKey(address: string): string {
  return `address ${networkOf(address)}`;
}
