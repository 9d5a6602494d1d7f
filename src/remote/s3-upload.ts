// Writing files to S3: small ones with one request, large ones in parts that become a file all at once or never.

import { equalBytes } from "../core/bytes.ts";
import { sha256 } from "../core/checksum.ts";
import { EnvironmentError } from "../core/errors.ts";
import type { Answer } from "./patient-request.ts";
import type { S3Client } from "./s3-client.ts";
import { elementOf, escapeXml } from "./s3-xml.ts";

/** The name of the file's digest among its metadata. */
export const digestHeader = "x-amz-meta-sha256";

/** Parts sent at a time. */
const parallel = 3;

const isTaken = ({ status }: Answer): boolean => status === 412;

export interface UploadOptions {
  /** Writes only where there is no file of that name. */
  readonly createOnly: boolean;
  /** Files above so many bytes are sent in parts of so many bytes. */
  readonly partBytes: number;
}

/** Writes a file; false when it had to be new and is not. */
export async function upload(
  client: S3Client,
  name: string,
  bytes: Uint8Array,
  options: UploadOptions,
): Promise<boolean> {
  const body = new Uint8Array(bytes);
  const headers = { [digestHeader]: await sha256(body) };
  if (body.length > options.partBytes) return uploadParts(client, name, body, headers, options);
  const answer = await client.request({
    method: "PUT",
    name,
    body,
    headers: { ...headers, ...condition(options) },
    action: "write",
    understands: options.createOnly ? [412] : [],
  });
  return !isTaken(answer);
}

const condition = ({ createOnly }: UploadOptions): Record<string, string> =>
  createOnly ? { "if-none-match": "*" } : {};

async function uploadParts(
  client: S3Client,
  name: string,
  bytes: Uint8Array,
  headers: Readonly<Record<string, string>>,
  options: UploadOptions,
): Promise<boolean> {
  const begun = await client.request({
    method: "POST",
    name,
    headers,
    query: { uploads: "" },
    action: "write",
  });
  const uploadId = elementOf(new TextDecoder().decode(begun.bytes), "UploadId");
  if (uploadId === undefined)
    throw new EnvironmentError(
      `cannot write ${client.location}/${name}: the server gave no number for an upload in parts; use a server that knows them, or smaller files`,
    );
  try {
    const tags = await sendParts(client, name, bytes, uploadId, options.partBytes);
    const list = tags.map(
      (tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escapeXml(tag)}</ETag></Part>`,
    );
    const answer = await client.request({
      method: "POST",
      name,
      query: { uploadId },
      headers: condition(options),
      body: new TextEncoder().encode(
        `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`,
      ),
      bytes: bytes.length,
      action: "write",
      understands: options.createOnly ? [404, 412] : [404],
      check: errorInside,
    });
    if (isTaken(answer)) await abandon(client, name, uploadId);
    if (answer.status === 404 && !(await isThere(client, name, bytes, options)))
      throw new EnvironmentError(
        `cannot write ${client.location}/${name}: the server has forgotten the upload; run again`,
      );
    return !isTaken(answer) && answer.status !== 404;
  } catch (error) {
    await abandon(client, name, uploadId);
    throw error;
  }
}

/** A success may carry an error in its body, which is told when the parts have been put together. */
function errorInside({ status, bytes }: Answer): string | undefined {
  if (status !== 200) return undefined;
  const text = new TextDecoder().decode(bytes);
  return text.includes("<Error>")
    ? `it answered ${elementOf(text, "Code") ?? "an error"}`
    : undefined;
}

/**
 * Whether an upload that the server knows no more has its file: an earlier attempt, whose answer was lost, has written it, or, where
 * it had to be new, another was faster, whose bytes are the caller's to compare.
 */
async function isThere(
  client: S3Client,
  name: string,
  bytes: Uint8Array,
  { createOnly }: UploadOptions,
): Promise<boolean> {
  const answer = await client.request({ method: "GET", name, action: "read", understands: [404] });
  return answer.status !== 404 && (createOnly || equalBytes(answer.bytes, bytes));
}

/** The tags of all parts, in order. */
async function sendParts(
  client: S3Client,
  name: string,
  bytes: Uint8Array,
  uploadId: string,
  partBytes: number,
): Promise<string[]> {
  const count = Math.ceil(bytes.length / partBytes);
  const tags: string[] = [];
  let next = 0;
  const send = async (): Promise<void> => {
    for (let part = next++; part < count; part = next++) {
      const answer = await client.request({
        method: "PUT",
        name,
        query: { partNumber: String(part + 1), uploadId },
        body: bytes.subarray(part * partBytes, (part + 1) * partBytes),
        action: "write",
      });
      tags[part] = answer.headers.get("etag") ?? "";
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, count) }, send));
  return tags;
}

/** Gives the parts of an upload up, as far as the server can be reached. */
async function abandon(client: S3Client, name: string, uploadId: string): Promise<void> {
  await client
    .request({ method: "DELETE", name, query: { uploadId }, action: "tidy", understands: [404] })
    .catch(() => undefined);
}
