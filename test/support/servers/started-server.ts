// Servers that a test starts on a free port of loopback and stops again, each in a folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server that runs, with what stops it and removes its folder. */
export interface StartedServer {
  readonly port: number;
  readonly folder: string;
  readonly url: string;
  /** The process as it is now; another one after `restart`. */
  readonly process: () => ChildProcess;
  /** Ends the process at once, as a crash does. */
  readonly kill: () => Promise<void>;
  /** Starts it again on the same port and folder. */
  readonly restart: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** A port of loopback that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });

/** How a server is started. */
export interface ServerCommand {
  readonly program: string;
  readonly args: (port: number, folder: string) => readonly string[];
  readonly url: (port: number) => string;
  /** Prepares the folder, before the first start. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** Whether it answers, where an open port does not say so. */
  readonly answers?: (port: number) => Promise<boolean>;
  /** A user for servers that refuse to run as root. */
  readonly uid?: number;
  readonly gid?: number;
}

const startSeconds = 30;

/** Starts a server and waits until it answers. @throws {Error} with what it printed when it does not within 30 s */
export async function startServer(command: ServerCommand): Promise<StartedServer> {
  const folder = await mkdtemp(join(tmpdir(), "weightspace-server-"));
  await command.prepare?.(folder);
  const port = await freePort();
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    const { uid, gid } = command;
    const started = spawn(command.program, [...command.args(port, folder)], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    });
    child = started;
    let printed = "";
    for (const stream of [started.stdout, started.stderr])
      stream.on("data", (text: Buffer) => (printed = `${printed}${text.toString()}`.slice(-2000)));
    started.on("error", (error) => (printed += error.message));
    const answers = command.answers ?? listens;
    const end = performance.now() + 1000 * startSeconds;
    while (!(await answers(port))) {
      if (performance.now() > end || started.exitCode !== null || started.pid === undefined) {
        started.kill("SIGKILL");
        throw new Error(`${command.program} did not start: ${printed}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  };
  await start();
  return {
    port,
    folder,
    url: command.url(port),
    process: () => child,
    kill,
    restart: start,
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
