// The one place that loads BullMQ, on Redis or on PostgreSQL: optional packages, loaded on first use. Passwords of addresses are in no message.

/** @ts-ignore the types of an optional package; where it is not installed they are any */
import type { ConnectionOptions, Job, Queue, QueueOptions, Worker, WorkerOptions } from "bullmq";
import { EnvironmentError, OptionError } from "../../core/errors.ts";
import { visibleName } from "../../core/visible.ts";

/** A queue's server. */
export interface QueueAddress {
  readonly kind: "redis" | "postgres";
  /** As it was given, with its password. */
  readonly url: string;
  /** For messages: without name and password. */
  readonly shown: string;
}

const kinds: Readonly<Record<string, QueueAddress["kind"]>> = {
  "redis:": "redis",
  "rediss:": "redis",
  "postgres:": "postgres",
  "postgresql:": "postgres",
};

/** @throws {OptionError} for what is no address of a queue */
export function parseQueueAddress(text: string): QueueAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const kind = url === undefined ? undefined : kinds[url.protocol];
  if (url === undefined || kind === undefined || url.hostname === "") {
    const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0] ?? "no address";
    throw new OptionError(
      `queue: expected redis://host:6379 (rediss:// with TLS) or postgres://host:5432/database, got ${visibleName(scheme)}`,
    );
  }
  return { kind, url: text, shown: `${url.protocol}//${url.host}${url.pathname}` };
}

/** A message of somebody else's without the address's secrets. */
export function maskSecrets(message: string, { url, shown }: QueueAddress): string {
  const { username, password, searchParams } = new URL(url);
  const hidden = [...searchParams].flatMap(([key, value]) =>
    /pass|secret|token|key/i.test(key) ? [value, encodeURIComponent(value)] : [],
  );
  const secrets = [password, decoded(password), username.length > 3 ? username : "", ...hidden];
  return secrets
    .filter((secret) => secret !== "")
    .reduce((text, secret) => text.replaceAll(secret, "***"), message.replaceAll(url, shown));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** All keys in Redis begin with it, and it is the schema in PostgreSQL. */
export const queuePrefix = "weightspace";

async function load<Module>(name: string, importing: () => Promise<Module>): Promise<Module> {
  try {
    return await importing();
  } catch (error) {
    const { code } = error as { code?: unknown };
    const why = code === "ERR_MODULE_NOT_FOUND" ? "is not installed" : "could not be loaded";
    const clients = name === "bullmq" ? "" : `, which the queue needs,`;
    throw new EnvironmentError(
      `queue: the package ${name}${clients} ${why}; install it with: npm install ${name === "bullmq" ? "bullmq ioredis (or bullmq pg for PostgreSQL)" : name}`,
      { cause: error },
    );
  }
}

/** Milliseconds between attempts to reach a server. */
const reconnect = (times: number): number => Math.min(2000, 100 * 2 ** Math.min(times, 6));

/** Opens queues of one server. */
export interface QueueServer {
  readonly address: QueueAddress;
  queue(name: string): Queue;
  /** A worker of one queue; without a function it only gives the jobs of dead workers back. */
  worker(
    name: string,
    run: ((job: Job) => Promise<unknown>) | null,
    options: Partial<WorkerOptions>,
  ): Worker;
  /** Milliseconds by which the clock of this machine is ahead of the server's, where locks are kept by clocks; else 0. */
  clockAhead(): Promise<number>;
}

/** Loads the packages; nothing is connected yet. @throws {EnvironmentError} naming a package that is missing */
export async function queueServer(address: QueueAddress): Promise<QueueServer> {
  const { kind, url } = address;
  const bull = await load("bullmq", () => import("bullmq"));
  if (kind === "redis") await load("ioredis", () => import("ioredis"));
  else await load("pg", () => import("pg" as string) as Promise<unknown>);
  const optionsFor = (waits: boolean): QueueOptions => ({
    prefix: queuePrefix,
    connection: (kind === "redis"
      ? { url, maxRetriesPerRequest: waits ? null : 2, retryStrategy: reconnect }
      : {
          connectionString: url,
          schema: queuePrefix,
          migrate: true,
          connectionTimeoutMillis: connectMilliseconds,
        }) as ConnectionOptions,
  });
  const backend = kind === "redis" ? [] : [bull.createPostgresBackend];
  const open = <Class extends new (...parameters: never[]) => unknown>(
    of: Class,
    ...parameters: unknown[]
  ) => new of(...([...parameters, ...backend] as never[])) as InstanceType<Class>;
  return Object.freeze({
    address,
    queue: (name: string) => open(bull.Queue, name, optionsFor(false)) as Queue,
    worker: (
      name: string,
      run: ((job: Job) => Promise<unknown>) | null,
      options: Partial<WorkerOptions>,
    ) => open(bull.Worker, name, run, { ...optionsFor(true), ...options }) as Worker,
    clockAhead: () => (kind === "redis" ? Promise.resolve(0) : aheadOfPostgres(url)),
  });
}

/** What this module needs of `pg`. */
interface PostgresPackage {
  readonly default: {
    readonly Client: new (options: object) => {
      on(event: "error", listener: () => void): void;
      connect(): Promise<unknown>;
      query(text: string): Promise<{ readonly rows: readonly { readonly now: string }[] }>;
      end(): Promise<void>;
    };
  };
}

const connectMilliseconds = 10_000;

/** Milliseconds by which this clock is ahead of the server's; of three questions, the one that was answered fastest counts. */
async function aheadOfPostgres(url: string): Promise<number> {
  const { default: pg } = (await import("pg" as string)) as PostgresPackage;
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMilliseconds,
    query_timeout: connectMilliseconds,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    let best = { took: Infinity, ahead: 0 };
    for (let i = 0; i < 3; i++) {
      const [start, began] = [Date.now(), performance.now()];
      const { rows } = await client.query("SELECT extract(epoch FROM clock_timestamp()) AS now");
      const took = performance.now() - began;
      if (took < best.took) best = { took, ahead: start + took / 2 - 1000 * Number(rows[0]?.now) };
    }
    return best.ahead;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The error of a server that cannot be reached. */
export function unreachable(address: QueueAddress, seconds: number, error: unknown) {
  const { message, code } = error as { message?: string; code?: string };
  const why = maskSecrets(
    message === "" || message === undefined ? (code ?? "") : message,
    address,
  );
  return new EnvironmentError(
    `queue: ${address.shown} could not be reached for ${Math.round(seconds)} s (${visibleName(why)}); results so far are in the store, start the server and run again`,
    { cause: error },
  );
}

/** Times that a unit may be lost with its worker before it is given up. */
export const maxStalledCount = 20;

/** Milliseconds between looks for workers that are gone, whose locks last so many seconds. */
export const stalledInterval = (lock: number): number => Math.max(500, 500 * lock);

/** @throws {Error} when the work takes longer; the signal's reason when that aborts before */
export async function withinSeconds<T>(
  seconds: number,
  work: Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onAbort: () => void = () => undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), 1000 * seconds + 1);
    onAbort = () => reject(signal?.reason as Error);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  });
}

const closeMilliseconds = 3000;

/** Closes a connection, without waiting long for a server that is gone; `force` leaves work that runs. */
export async function closeSoon(
  what: { close(force?: boolean): Promise<void> },
  force = false,
): Promise<void> {
  const limit = new Promise((resolve) => setTimeout(resolve, closeMilliseconds).unref());
  const closed = force ? what.close(true) : what.close();
  await Promise.race([closed.catch(() => undefined), limit]);
}
