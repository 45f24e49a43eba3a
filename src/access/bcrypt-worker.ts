import { parentPort, workerData } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

// What bcrypt.ts hands over; no zod here, which would take longer to load than the work takes.
const { password, hash }: { password: string; hash: string } = workerData;
parentPort?.postMessage(compareSync(password, hash));
