// Bytes that need not be in memory: a size, and ranges on request. A file handle, a browser's Blob, an array.

/** Random access to the bytes of one file. */
export interface ByteSource {
  /** Where the bytes come from, for messages: a path, or words. */
  readonly location: string;
  /** Length in bytes. */
  readonly size: number;
  /** Fresh bytes from `start` up to `end` (0 <= start <= end <= size). @throws {EnvironmentError} when they cannot be read */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Gives the file back. */
  close?(): Promise<void>;
}

/** What functions that read files accept. */
export type Bytes = ByteSource | Uint8Array | Blob;

/** A source over an array or a Blob; a source stays itself. */
export function byteSource(bytes: Bytes): ByteSource {
  if (bytes instanceof Uint8Array)
    return Object.freeze({
      location: "the bytes given",
      size: bytes.length,
      read: (start: number, end: number) =>
        Promise.resolve(new Uint8Array(bytes.subarray(start, end))),
    });
  if (bytes instanceof Blob)
    return Object.freeze({
      location: bytes instanceof File ? bytes.name : "the blob given",
      size: bytes.size,
      read: async (start: number, end: number) =>
        new Uint8Array(await bytes.slice(start, end).arrayBuffer()),
    });
  return bytes;
}

/** A file that is read at once, where waiting is not possible. */
export interface ReadableFile {
  /** Length in bytes. */
  readonly size: number;
  /** Fresh bytes from `start` up to `end`. @throws {EnvironmentError} when they cannot be read */
  read(start: number, end: number): Uint8Array<ArrayBuffer>;
}

/** Finds a file beside another one, to be read at once; undefined when there is none of that name. */
export type FindBeside = (name: string) => ReadableFile | undefined;

/** Opens a file that lies beside another one; undefined when there is none of that name. */
export type OpenBeside = (name: string) => Promise<ByteSource | undefined>;
