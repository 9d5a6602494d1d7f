// Signed requests to one prefix of one bucket of a server that speaks the S3 API.

import { AwsClient } from "aws4fetch";
import { sha256 } from "../core/checksum.ts";
import { EnvironmentError, OptionError } from "../core/errors.ts";
import { visibleName } from "../core/visible.ts";
import { type Answer, type Patience, patientRequest, type RequestInfo } from "./patient-request.ts";
import { elementOf } from "./s3-xml.ts";

/** Who asks, and where. */
export interface S3Access {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** @default us-east-1 */
  readonly region?: string | undefined;
  /** Address of the server, such as `https://storage.example.org`. @default the one of Amazon for the bucket and region */
  readonly endpoint?: string | undefined;
}

/** A place such as `s3://bucket/zoos/gru`, in its parts; the prefix has no slash at either end. */
export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
}

/**
 * The parts of an address `s3://bucket/prefix`.
 * @throws {OptionError} for a bucket that cannot be, and for a prefix with empty parts, `.` or `..`
 */
export function parseS3Place(location: string): S3Place {
  const [, bucket = "", rest = ""] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(location) ?? [];
  const prefix = rest.replace(/\/$/, "");
  const isBucket = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) && !bucket.includes("..");
  const isPrefix =
    prefix === "" || prefix.split("/").every((part) => /^(?!\.{1,2}$)[\w.=+@ -]+$/.test(part));
  if (isBucket && isPrefix && prefix.length <= 500) return { bucket, prefix };
  throw new OptionError(
    `store: ${JSON.stringify(visibleName(location.slice(0, 200)))} is no place of a store, expected s3://bucket/prefix with a prefix of letters, digits and -_.=+@, and without empty parts, "." and ".."`,
  );
}

/** What one request asks for. */
export interface S3Request extends Partial<Pick<RequestInfo, "bytes" | "check">> {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** A file of the prefix; none for the bucket itself. */
  readonly name?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** For messages: `write`, `read`. */
  readonly action: string;
  /** Answers other than 2xx that the caller understands. */
  readonly understands?: readonly number[];
}

/** Signed requests to one bucket. */
export interface S3Client {
  readonly location: string;
  readonly prefix: string;
  /** @throws {EnvironmentError} when the answer is neither a success nor understood */
  request(request: S3Request): Promise<Answer>;
}

const hints: Readonly<Record<number, string>> = {
  301: "the bucket is in another region; set AWS_REGION",
  400: "the server did not accept the request; check AWS_REGION and the keys",
  401: "the keys are not accepted; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
  403: "the keys may not do that; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the rights of the bucket",
  404: "there is no such bucket; create it, or check its name and AWS_ENDPOINT_URL_S3",
  501: "the server does not know that request; use one that knows conditional writes",
};

/** What the server calls some refusals, where that says more than the number. */
const hintsOfCodes: Readonly<Record<string, string>> = {
  RequestTimeTooSkewed:
    "the clock of this machine is wrong by more than a quarter of an hour; set it",
  RequestExpired: "the clock of this machine is wrong; set it",
};

/**
 * Address of a bucket: in the path at a server of one's own, in the host at Amazon.
 * @throws {OptionError} for an endpoint that is none, or one that carries secrets, without repeating them
 */
function baseOf({ endpoint, region = "us-east-1" }: S3Access, bucket: string): string {
  if (endpoint === undefined) return `https://${bucket}.s3.${region}.amazonaws.com`;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const isPlain = url?.username === "" && url.password === "" && url.search === "";
  if (url === undefined || !/^https?:$/.test(url.protocol) || !isPlain)
    throw new OptionError(
      "store: the address of the S3 server (AWS_ENDPOINT_URL_S3) expected https://host or http://host:port without name, password and query; keys go into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}/${bucket}`;
}

/** A client of one place. Keys and signatures are in no message. @throws {OptionError} for an endpoint that is none */
export function s3Client(place: S3Place, access: S3Access, patience: Patience = {}): S3Client {
  const { bucket, prefix } = place;
  const { accessKeyId, secretAccessKey, sessionToken, region = "us-east-1" } = access;
  const aws = new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    service: "s3",
    region,
    retries: 0,
  });
  const location = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`;
  const base = baseOf(access, bucket);
  const keyOf = (name: string) => (prefix === "" ? name : `${prefix}/${name}`);
  const request = async (given: S3Request): Promise<Answer> => {
    const { method, name, query = {}, headers = {}, body, action, understands = [] } = given;
    const path = name === undefined ? "" : keyOf(name).split("/").map(encodeURIComponent).join("/");
    const search = new URLSearchParams(query).toString();
    const url = `${base}/${path}${search === "" ? "" : `?${search}`}`;
    const digest = await sha256(new Uint8Array(body ?? []));
    const make = () =>
      aws.sign(url, {
        method,
        headers: { ...headers, "x-amz-content-sha256": digest },
        ...(body !== undefined && { body: new Uint8Array(body) }),
      });
    const what = `${action} ${name === undefined ? location : `${location}/${name}`}`;
    const info = {
      action: what,
      bytes: given.bytes ?? body?.length ?? 0,
      ...(given.check && { check: given.check }),
    };
    const answer = await patientRequest(make, info, patience);
    if ((answer.status >= 200 && answer.status < 300) || understands.includes(answer.status))
      return answer;
    throw refusal(what, answer);
  };
  return Object.freeze({ location, prefix, request });
}

function refusal(action: string, { status, bytes }: Answer): EnvironmentError {
  const code = elementOf(new TextDecoder().decode(bytes.subarray(0, 10_000)), "Code");
  const named = code !== undefined && /^[A-Za-z]{1,60}$/.test(code) ? ` (${code})` : "";
  const hint =
    hintsOfCodes[code ?? ""] ??
    hints[status] ??
    "check the address, the keys and the rights of the bucket";
  return new EnvironmentError(`cannot ${action}: the server answered ${status}${named}; ${hint}`);
}
