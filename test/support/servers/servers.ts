// Redis, PostgreSQL and an S3 server (moto) for tests, from the packages of the machine; where one is missing, the test says
// which part was not tried and how to get the program.

import { execFileSync } from "node:child_process";
import { chown } from "node:fs/promises";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { afterAll, type TestContext } from "vitest";
import { needProgram, programPath } from "../graphs/programs.ts";
import { type StartedServer, startServer } from "./started-server.ts";

type Skippable = Pick<TestContext, "skip">;

/** Redis, with its append-only file unless `keeps` is false: then a restart has forgotten everything. */
export const startRedis = (context: Skippable, keeps = true): Promise<StartedServer> =>
  startServer({
    program: needProgram(context, "redis-server"),
    args: (port, folder) => [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      folder,
      "--save",
      "",
      "--appendonly",
      keeps ? "yes" : "no",
      "--appendfsync",
      "always",
    ],
    url: (port) => `redis://127.0.0.1:${port}`,
  });

/** The folder of PostgreSQL's programs: on the path, or where Debian puts them. */
function postgresFolder(): string | undefined {
  const onPath = programPath("initdb");
  if (onPath !== undefined) return join(realpathSync(onPath), "..");
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root) : [];
  return versions
    .map((version) => join(root, version, "bin"))
    .findLast((folder) => existsSync(join(folder, "initdb")));
}

const idOf = (flag: "-u" | "-g") =>
  Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }).trim());

/** PostgreSQL with a user `weightspace`, without a password on loopback; it runs as `postgres` where the test is root. */
export async function startPostgres(context: Skippable): Promise<StartedServer> {
  const folder = postgresFolder() ?? join(needProgram(context, "initdb"), "..");
  const isRoot = process.getuid?.() === 0;
  const owner = isRoot ? { uid: idOf("-u"), gid: idOf("-g") } : {};
  return startServer({
    program: join(folder, "postgres"),
    ...owner,
    prepare: async (place) => {
      if (owner.uid !== undefined) await chown(place, owner.uid, owner.gid);
      execFileSync(
        join(folder, "initdb"),
        ["-D", join(place, "data"), "-U", "weightspace", "-A", "trust", "-N", "-E", "UTF8"],
        { stdio: "pipe", cwd: place, ...owner },
      );
    },
    args: (port, place) => [
      "-D",
      join(place, "data"),
      "-p",
      String(port),
      "-k",
      place,
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "max_connections=200",
    ],
    url: (port) => `postgres://weightspace@127.0.0.1:${port}/postgres`,
    answers: async (port) => isReady(folder, port),
  });
}

function isReady(folder: string, port: number): boolean {
  try {
    execFileSync(join(folder, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)], {
      stdio: "pipe",
    });
    return true;
  } catch {
    return false;
  }
}

/** Names that every S3 client takes its settings from, for {@link startS3}. */
export const s3Environment = (server: Pick<StartedServer, "url">) => ({
  AWS_ACCESS_KEY_ID: "weightspace-tests",
  AWS_SECRET_ACCESS_KEY: "not-a-secret-at-all",
  AWS_REGION: "us-east-1",
  AWS_ENDPOINT_URL_S3: server.url,
});

/** An S3 server that honours conditional writes, with one bucket called `bucket`. */
export async function startS3(context: Skippable): Promise<StartedServer> {
  const server = await startServer({
    program: needProgram(context, "moto_server"),
    args: (port) => ["-H", "127.0.0.1", "-p", String(port)],
    url: (port) => `http://127.0.0.1:${port}`,
  });
  await fetch(`${server.url}/bucket`, { method: "PUT" });
  return server;
}

const starters = { redis: startRedis, postgres: startPostgres, s3: startS3 } as const;
const programs = { redis: "redis-server", postgres: "initdb", s3: "moto_server" } as const;

/** A server that the tests of one file share, started for the first that needs it; skips the test where there is none. */
export function sharedServer(
  kind: keyof typeof starters,
): (context: Skippable) => Promise<StartedServer> {
  let server: Promise<StartedServer> | undefined;
  afterAll(async () => {
    await server?.then(
      ({ stop }) => stop(),
      () => undefined, // it never started, which its tests have told
    );
  });
  return (context) => {
    if (kind !== "postgres" || postgresFolder() === undefined) needProgram(context, programs[kind]);
    return (server ??= starters[kind](context));
  };
}
