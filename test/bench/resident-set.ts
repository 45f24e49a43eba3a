import { readFileSync, writeFileSync } from 'node:fs';

const sampleEveryMs = 100;

/** Watches the memory of a process until stopped. */
export interface Watch {
  /** Greatest resident set since the watch began, in MiB. */
  stop(): number;
}

/** Begins to watch a process: VmRSS ten times a second, and the kernel's own high-water mark, which misses nothing. */
export function watchResidentSet(pid: number): Watch {
  const isReset = resetHighWater(pid);
  let peak = residentSet(pid, 'VmRSS');
  const timer = setInterval(() => {
    try {
      peak = Math.max(peak, residentSet(pid, 'VmRSS'));
    } catch {
      // The process is gone: its clients and `stop` say so where someone listens.
      clearInterval(timer);
    }
  }, sampleEveryMs);
  return {
    stop() {
      clearInterval(timer);
      return Math.max(peak, residentSet(pid, isReset ? 'VmHWM' : 'VmRSS'));
    },
  };
}

/** One figure of /proc/PID/status, in MiB. */
export function residentSet(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`expected ${field} of process ${pid}, found none`);
  return Number(kibibytes) / 1024;
}

/** proc(5), clear_refs: 5 sets the high-water mark back to what is resident now. */
function resetHighWater(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}
