// A store in a bucket of any server that speaks the S3 API, in browsers too. Nobody holds a lock: files are created once and
// never half, so that several builders at once do double work at worst.

import { sha256 } from "../core/checksum.ts";
import { EnvironmentError, OptionError } from "../core/errors.ts";
import { checkStoreName, type ZooStore } from "../core/store.ts";
import type { Answer, Patience } from "./patient-request.ts";
import { type S3Access, type S3Client, parseS3Place, s3Client } from "./s3-client.ts";
import { digestHeader, upload } from "./s3-upload.ts";
import { elementOf, elementsOf } from "./s3-xml.ts";

/** Keys and address of a server, how long it is tried, and how large files are sent. */
export interface S3StoreOptions extends S3Access, Patience {
  /** Files of more bytes are sent in parts of so many bytes; servers take no parts below 5 MiB. @default 64 MiB */
  readonly partBytes?: number;
}

const minPartBytes = 5 * 2 ** 20;

/**
 * The store at `s3://bucket/prefix`. The server must know conditional writes (`If-None-Match: *`). Whole files are checked
 * against the digest that they were written with; one that does not fit is read again.
 * @throws {OptionError} for a place that cannot be, or parts that are too small
 */
export function s3Store(place: string, options: S3StoreOptions): ZooStore {
  const { partBytes = 64 * 2 ** 20, ...access } = options;
  if (!Number.isSafeInteger(partBytes) || partBytes < minPartBytes)
    throw new OptionError(
      `s3Store: partBytes must be a whole number from ${minPartBytes}, got ${partBytes}`,
    );
  const client = s3Client(parseS3Place(place), access, options);
  const { location } = client;
  const checked = (name: string) => checkStoreName(name, location);
  const write = async (name: string, bytes: Uint8Array, createOnly: boolean) =>
    upload(client, checked(name), bytes, { createOnly, partBytes });
  const store: ZooStore = {
    location,
    list: () => listNames(client),
    size: async (name) => {
      const answer = await client.request({
        method: "HEAD",
        name: checked(name),
        action: "look at",
        understands: [404],
      });
      if (answer.status === 404) return undefined;
      return Number(answer.headers.get("content-length"));
    },
    read: async (name, start, end) => readBytes(client, checked(name), start, end),
    write: async (name, bytes) => void (await write(name, bytes, false)),
    create: (name, bytes) => write(name, bytes, true),
    remove: async (name) => {
      await client.request({
        method: "DELETE",
        name: checked(name),
        action: "remove",
        understands: [404],
      });
    },
    lock: async () => async () => undefined,
  };
  return Object.freeze(store);
}

async function listNames(client: S3Client): Promise<string[]> {
  const folder = client.prefix === "" ? "" : `${client.prefix}/`;
  const names: string[] = [];
  let token: string | undefined;
  do {
    const { bytes } = await client.request({
      method: "GET",
      query: {
        "list-type": "2",
        delimiter: "/",
        prefix: folder,
        ...(token !== undefined && { "continuation-token": token }),
      },
      action: "list",
      check: (answer) => brokenList(answer),
    });
    const text = new TextDecoder().decode(bytes);
    for (const key of elementsOf(text, "Key"))
      if (key.startsWith(folder) && key.length > folder.length)
        names.push(key.slice(folder.length));
    token = elementOf(text, "NextContinuationToken");
  } while (token !== undefined);
  return names;
}

/** A list that does not end as lists do. */
function brokenList({ status, bytes }: Answer): string | undefined {
  if (status !== 200) return undefined;
  const text = new TextDecoder().decode(bytes);
  return text.trimEnd().endsWith("</ListBucketResult>") ? undefined : "its list was cut short";
}

async function readBytes(
  client: S3Client,
  name: string,
  start = 0,
  end?: number,
): Promise<Uint8Array | undefined> {
  const isWhole = start === 0 && end === undefined;
  if (end !== undefined && end <= start) return new Uint8Array(0);
  const range = `bytes=${start}-${end === undefined ? "" : end - 1}`;
  const answer = await client.request({
    method: "GET",
    name,
    headers: isWhole ? {} : { range },
    action: "read",
    understands: [404, 416],
    ...(isWhole && { check: damaged }),
  });
  if (answer.status === 404) return undefined;
  if (answer.status === 416) return new Uint8Array(0); // it begins after the end of the file
  if (!isWhole && answer.status !== 206)
    throw new EnvironmentError(
      `cannot read ${client.location}/${name}: the server sent the whole file when asked for ${range}; use a server that knows range requests`,
    );
  return answer.bytes;
}

/** A whole file whose bytes are not those that were written. */
async function damaged({ status, headers, bytes }: Answer): Promise<string | undefined> {
  const digest = headers.get(digestHeader);
  if (status !== 200 || digest === null || digest === (await sha256(bytes))) return undefined;
  return "its bytes do not have the digest that they were written with";
}
