// The store at a place of the command line: a folder, or `s3://bucket/prefix` with the keys of the environment.

import { EnvironmentError, OptionError } from "../core/errors.ts";
import type { ZooStore } from "../core/store.ts";
import { folderStore } from "./folder-store.ts";

/** Whether a place is behind the S3 API. */
export const isRemote = (location: string): boolean => /^s3:\/\//i.test(location);

/** The first of these environment variables that is set. */
const fromEnvironment = (...names: string[]): string | undefined =>
  names.map((name) => process.env[name]).find((value) => value !== undefined && value !== "");

/**
 * Opens a store; nothing is written. Keys of an S3 server come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN, its region from AWS_REGION, and its address, where it is not Amazon's, from AWS_ENDPOINT_URL_S3.
 * @throws {EnvironmentError} when a key is missing; {OptionError} for a place that cannot be
 */
export async function openStore(location: string): Promise<ZooStore> {
  const [scheme] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(location) ?? [];
  if (scheme !== undefined && !isRemote(location))
    throw new OptionError(
      `openStore: expected a folder or s3://bucket/prefix, got an address that begins with ${scheme}`,
    );
  if (!isRemote(location)) return folderStore(location);
  const accessKeyId = fromEnvironment("AWS_ACCESS_KEY_ID");
  const secretAccessKey = fromEnvironment("AWS_SECRET_ACCESS_KEY");
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new EnvironmentError(
      "openStore: places that begin with s3:// need keys; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_REGION, and AWS_ENDPOINT_URL_S3 for a server that is not Amazon's)",
    );
  const { s3Store } = await import("../remote/s3-store.ts");
  return s3Store(location, {
    accessKeyId,
    secretAccessKey,
    sessionToken: fromEnvironment("AWS_SESSION_TOKEN"),
    region: fromEnvironment("AWS_REGION", "AWS_DEFAULT_REGION"),
    endpoint: fromEnvironment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
  });
}
