// A server in front of another that passes requests on, and does to some of them what busy servers and networks do.

import { createServer, type IncomingMessage, request as ask, type ServerResponse } from "node:http";
import { freePort } from "./started-server.ts";

/** What happens to a request: an answer that means later, a pause, half an answer, or an answer that is lost on its way back. */
export type Fault =
  | 403
  | 404
  | 409
  | 500
  | 503
  | "slow"
  | "cut"
  | "lost"
  | "changed"
  | "unconditional";

/** A request as the plan of faults sees it. */
export interface Passing {
  readonly method: string;
  readonly url: string;
  /** Number of the request, from 0. */
  readonly number: number;
}

export interface FaultyProxy {
  readonly url: string;
  readonly requests: Passing[];
  /** Decides what happens to a request; undefined passes it on. */
  plan: (request: Passing) => Fault | undefined;
  /** Changes what is asked of the server behind. */
  rewrite: (url: string) => string;
  readonly stop: () => Promise<void>;
}

const slowMilliseconds = 1500;

/** What the server calls an answer. */
const codes = { 403: "RequestTimeTooSkewed", 404: "NoSuchUpload" } as Readonly<
  Record<number, string>
>;

const bodyOf = async (stream: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
};

/** Starts a proxy without faults in front of the server at an address. */
export async function faultyProxy(target: string): Promise<FaultyProxy> {
  const port = await freePort();
  const requests: Passing[] = [];
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${port}`,
    requests,
    plan: () => undefined,
    rewrite: (url) => url,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  const pass = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "GET", url = "/" } = incoming;
    const passing = { method, url, number: requests.length };
    requests.push(passing);
    const fault = proxy.plan(passing);
    const body = await bodyOf(incoming);
    if (typeof fault === "number") {
      response.writeHead(fault, { "content-type": "application/xml" });
      response.end(`<Error><Code>${codes[fault] ?? "SlowDown"}</Code></Error>`);
      return;
    }
    if (fault === "slow") await new Promise((resolve) => setTimeout(resolve, slowMilliseconds));
    const headers = { ...incoming.headers };
    if (fault === "unconditional") delete headers["if-none-match"];
    const { answer, bytes } = await forward(
      `${target}${proxy.rewrite(url)}`,
      method,
      headers,
      body,
    );
    if (fault === "lost") return void response.destroy();
    if (fault === "changed" && bytes.length > 0) bytes[bytes.length >> 1] ^= 1;
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    if (fault === "cut") {
      response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
      return;
    }
    response.end(bytes);
  };
  const server = createServer((incoming, response) => {
    pass(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return proxy;
}

function forward(
  url: string,
  method: string,
  headers: IncomingMessage["headers"],
  body: Buffer,
): Promise<{ answer: IncomingMessage; bytes: Buffer }> {
  return new Promise((resolve, reject) => {
    const outgoing = ask(url, { method, headers }, (answer) => {
      bodyOf(answer).then((bytes) => resolve({ answer, bytes }), reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
