import { z } from 'zod';

/** Where the filesystem driver keeps blobs. */
export const filesystemOptions = z.strictObject({
  root: z.string().min(1).prefault('./data/storage').describe('folder of the blobs'),
});

/** What {@link filesystemOptions} parses to. */
export type FilesystemOptions = z.infer<typeof filesystemOptions>;
