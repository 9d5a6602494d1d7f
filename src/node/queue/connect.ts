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
  const { username, password } = new URL(url);
  const secrets = [password, decoded(password), username.length > 3 ? username : ""];
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
          connectionTimeoutMillis: 10_000,
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
  });
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

/** @throws {Error} when the work takes longer */
export async function withinSeconds<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), 1000 * seconds + 1);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
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
