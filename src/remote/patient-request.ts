// Requests that are tried again when a server is busy, slow or cuts its answer short, with growing pauses of random length, so
// that many clients do not come back at the same moment.

import { EnvironmentError } from "../core/errors.ts";

/** A whole answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** How often and how long a server is tried. */
export interface Patience {
  /** Times a request is made at most. @default 6 */
  readonly attempts?: number;
  /** Milliseconds of the first pause at most; every later one may be twice as long. @default 200 */
  readonly pause?: number;
  /** Milliseconds in which nothing arrives until it is tried again, and one more for every 100 bytes sent. @default 30,000 */
  readonly timeout?: number;
}

const defaults = { attempts: 6, pause: 200, timeout: 30_000 } as const;
const bytesPerMillisecond = 100;
const longestPause = 20_000;

/** Answers that may be others a moment later. */
const passing = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/** What one request is about, for messages and limits. */
export interface RequestInfo {
  /** What is done, such as `read s3://bucket/name`. */
  readonly action: string;
  /** Bytes that are sent. */
  readonly bytes?: number;
  /** Sees whether a whole answer is what was asked for; a sentence when it is not, and the request is made again. */
  readonly check?: (answer: Answer) => Promise<string | undefined> | string | undefined;
}

/**
 * Makes a request until its answer is whole and final; one of the answers that mean "later" is never returned.
 * @throws {EnvironmentError} saying what was wrong with the last of all attempts
 */
export async function patientRequest(
  make: () => Promise<Request>,
  { action, bytes = 0, check }: RequestInfo,
  patience: Patience = {},
): Promise<Answer> {
  const { attempts, pause, timeout } = { ...defaults, ...patience };
  let problem = "";
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (attempt > 0) await sleep(Math.min(longestPause, pause * 2 ** (attempt - 1)));
    try {
      const answer = await wholeAnswer(await make(), timeout, bytes / bytesPerMillisecond);
      if (passing.has(answer.status)) {
        problem = `it answered ${answer.status}`;
        continue;
      }
      const wrong = await check?.(answer);
      if (wrong === undefined) return answer;
      problem = wrong;
    } catch (error) {
      problem = networkProblem(error);
    }
  }
  throw new EnvironmentError(
    `cannot ${action}: tried ${attempts} times, at last ${problem}; check the address and the network, then run again`,
  );
}

/** The whole body; one that stops coming, or is shorter than announced, is an error. */
async function wholeAnswer(request: Request, timeout: number, sending: number): Promise<Answer> {
  const silence = new AbortController();
  const giveUp = () => silence.abort(new DOMException("nothing arrives", "TimeoutError"));
  let timer = setTimeout(giveUp, Math.ceil(timeout + sending));
  try {
    const response = await fetch(request, { signal: silence.signal });
    const pieces: Uint8Array[] = [];
    const reader = response.body?.getReader();
    for (;;) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, timeout);
      const piece = await reader?.read();
      if (piece?.value === undefined) break;
      pieces.push(piece.value);
    }
    const { status, headers } = response;
    const bytes = joined(pieces);
    const announced = headers.get("content-length");
    const isPlain = headers.get("content-encoding") === null && request.method !== "HEAD";
    if (isPlain && announced !== null && Number(announced) !== bytes.length)
      throw new Error(`its answer ended after ${bytes.length} of ${announced} bytes`);
    return { status, headers, bytes };
  } finally {
    clearTimeout(timer);
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** What went wrong on the way, in words; the address stays out of it, since it may hold a signature. */
function networkProblem(error: unknown): string {
  const { name, message, cause } = error as Error & { cause?: { code?: unknown } };
  if (name === "TimeoutError" || name === "AbortError") return "it did not answer in time";
  const code = typeof cause?.code === "string" ? cause.code : undefined;
  if (code === "ECONNREFUSED") return "nothing listens there (ECONNREFUSED)";
  if (code === "ENOTFOUND") return "there is no such host (ENOTFOUND)";
  if (code !== undefined) return `the connection failed (${code})`;
  return message === "terminated" || message === "fetch failed"
    ? "the connection was cut"
    : message;
}

/** A pause of random length; no result depends on it. */
const sleep = (maxMilliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, maxMilliseconds * (0.5 + Math.random() / 2)));
