// A file behind an address as a source of bytes: its size is asked for once, then ranges are read on request.

import { EnvironmentError, OptionError } from "../core/errors.ts";
import { visibleName } from "../core/visible.ts";
import type { ByteSource } from "../formats/byte-source.ts";
import { type Answer, type Patience, patientRequest } from "./patient-request.ts";

/** Bytes of a block: small reads in a row, as of headers, cost one request. */
const blockBytes = 2 ** 18;
/** Blocks that are kept. */
const maxBlocks = 16;

/** Whether a path of the command line is an address. */
export const isAddress = (path: string): boolean => /^https?:\/\//i.test(path);

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** @throws {OptionError} for what is no address of a file, and for one whose bytes anybody on the way may change */
function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const shown = JSON.stringify(visibleName(address.replace(/[?#].*$/s, "").slice(0, 200)));
  if (url === undefined || !isAddress(address))
    throw new OptionError(`httpSource: ${shown} is no address, expected https://host/path`);
  if (url.protocol === "http:" && !loopback.has(url.hostname))
    throw new OptionError(
      `httpSource: ${shown} is not encrypted; give its https:// address, or download the file`,
    );
  if (url.username !== "" || url.password !== "")
    throw new OptionError(
      "httpSource: an address with a name and password is not read; download the file and give its path",
    );
  return url;
}

/** The address as messages show it: without its query, which may hold a signature. */
const shownAddress = (url: URL): string => `${url.origin}${url.pathname}`;

const refusals: Readonly<Record<number, string>> = {
  401: "it asks for a login; download the file and give its path",
  403: "it is not public; download the file and give its path",
  404: "there is no such file; check the address",
  416: "it is empty, or has become shorter",
};

/**
 * Opens the file at an `https://` address (without TLS on this machine alone) without downloading it. The server must know range
 * requests. A file that changes while it is read is noticed where the server tells versions apart.
 * @throws {OptionError} for another address; {EnvironmentError} when it cannot be read
 */
export async function httpSource(address: string, patience: Patience = {}): Promise<ByteSource> {
  const url = parseAddress(address);
  const location = shownAddress(url);
  const first = await askRange(url, 0, blockBytes, patience);
  const size = Number(/^bytes \d+-\d+\/(\d+)$/.exec(first.headers.get("content-range") ?? "")?.[1]);
  if (!Number.isSafeInteger(size))
    throw new EnvironmentError(
      `cannot read ${location}: the server does not say how long the file is; download it and give its path`,
    );
  const version = versionOf(first);
  const fetchRange = async (start: number, end: number): Promise<Uint8Array> => {
    const answer = await askRange(url, start, end, patience);
    if (versionOf(answer) !== version)
      throw new EnvironmentError(
        `cannot read ${location}: it has changed since it was opened; run again`,
      );
    if (answer.bytes.length === end - start) return answer.bytes;
    throw new EnvironmentError(
      `cannot read ${location}: the server sent ${answer.bytes.length} bytes for ${end - start}; run again`,
    );
  };
  const block = keptBlocks(first.bytes, (at) =>
    fetchRange(at * blockBytes, Math.min(size, (at + 1) * blockBytes)),
  );
  const read = async (start: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    if (end <= start) return new Uint8Array(0);
    const at = Math.floor(start / blockBytes);
    const from = at * blockBytes;
    if (end > from + blockBytes) return new Uint8Array(await fetchRange(start, end));
    return new Uint8Array((await block(at)).subarray(start - from, end - from));
  };
  return Object.freeze({ location, size, read });
}

/** One range of a file. @throws {EnvironmentError} when the server has none */
async function askRange(url: URL, start: number, end: number, patience: Patience): Promise<Answer> {
  const location = shownAddress(url);
  const headers = { range: `bytes=${start}-${end - 1}`, "accept-encoding": "identity" };
  const answer = await patientRequest(
    async () => new Request(url, { headers }),
    { action: `read ${location}` },
    patience,
  );
  const { status } = answer;
  if (status === 206) return answer;
  if (status >= 200 && status < 300)
    throw new EnvironmentError(
      `cannot read ${location}: its server knows no range requests; download the file and give its path`,
    );
  throw new EnvironmentError(
    `cannot read ${location}: the server answered ${status}; ${refusals[status] ?? "check the address"}`,
  );
}

/** Blocks by their number, the latest of them kept. */
function keptBlocks(
  first: Uint8Array,
  fetchBlock: (at: number) => Promise<Uint8Array>,
): (at: number) => Promise<Uint8Array> {
  const blocks = new Map<number, Promise<Uint8Array>>([[0, Promise.resolve(first)]]);
  return (at) => {
    const known = blocks.get(at);
    if (known !== undefined) return known;
    if (blocks.size >= maxBlocks) blocks.delete([...blocks.keys()][0]);
    const read = fetchBlock(at);
    blocks.set(at, read);
    read.catch(() => blocks.delete(at));
    return read;
  };
}

/** What tells one version of a file from the next; undefined where the server does not. */
const versionOf = ({ headers }: Answer): string | undefined =>
  headers.get("etag") ?? headers.get("last-modified") ?? undefined;
