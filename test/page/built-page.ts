// The built page in headless Chromium, with all that it asks for, logs and throws written down.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { root } from "../docs/pages.ts";

interface Site {
  readonly address: string;
  close(): Promise<void>;
}
interface PageScripts {
  readonly buildPage: (outDir: string) => Promise<string>;
  readonly servePage: (options: {
    outDir: string;
    port: number;
    isolated?: boolean;
  }) => Promise<Site>;
}
interface BrowserScripts {
  readonly openBrowser: (path?: string) => Promise<Browser>;
}

const script = async (name: string): Promise<unknown> =>
  import(new URL(`../../scripts/page/${name}.js`, import.meta.url).href);

/** A page that is open, and what happened in it. */
export interface OpenedPage {
  readonly page: Page;
  /** Everything that was asked for, by the page, its workers and its service worker. */
  readonly requests: readonly string[];
  /** Errors of the console and of scripts. */
  readonly errors: readonly string[];
}

export interface BuiltPage {
  readonly folder: string;
  readonly site: Site;
  /** Opens it in a fresh profile, from its own site or another one of the same build. */
  open(options?: BrowserContextOptions, address?: string): Promise<OpenedPage>;
  /** Serves the same build as a host that sends no isolation headers. */
  servePlain(): Promise<Site>;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Builds the page into a folder of its own, serves it and starts a browser. */
export async function builtPage(chromium: string, port = 4200): Promise<BuiltPage> {
  const { buildPage, servePage } = (await script("page")) as PageScripts;
  const { openBrowser } = (await script("browser")) as BrowserScripts;
  mkdirSync(join(root, "page/dist"), { recursive: true });
  const folder = mkdtempSync(join(root, "page/dist/test-"));
  await buildPage(folder);
  const site = await servePage({ outDir: folder, port });
  const browser = await openBrowser(chromium);
  return {
    folder,
    site,
    browser,
    open: (options, address = site.address) => openIn(browser, address, options),
    servePlain: () => servePage({ outDir: folder, port: port + 1, isolated: false }),
    close: async () => {
      await browser.close();
      await site.close().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openIn(
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext(options);
  const requests: string[] = [];
  const errors: string[] = [];
  context.on("request", (request) => requests.push(request.url()));
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(address);
  await page.waitForSelector("h1");
  return { page, requests, errors };
}

/** Gives files to the page, as choosing them does. */
export const give = (
  page: Page,
  files: readonly string[] | readonly { name: string; mimeType: string; buffer: Buffer }[],
) => page.setInputFiles("input[type=file]", files as string[]);

/** The sentence of the page once it matches. */
export async function sentenceOf(page: Page, pattern: RegExp): Promise<string> {
  await page.waitForFunction(
    ([source]) => new RegExp(source).test(document.querySelector("#sentence")?.textContent ?? ""),
    [pattern.source],
    { timeout: 40_000 },
  );
  return (await page.textContent("#sentence")) ?? "";
}

/** What axe finds wrong: rules with the elements that break them. */
export async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe: runner } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await runner.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}

/** Memory of all renderers that a browser of ours started, in bytes. */
export function rendererMemory(): number {
  const family = new Map<number, number>();
  const memory = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const status = readFileSync(`/proc/${name}/status`, "utf8");
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8");
      family.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]));
      if (!command.includes("--type=renderer")) continue;
      memory.set(Number(name), 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0));
    } catch {
      // It ended while it was looked at.
    }
  }
  const isOurs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = family.get(at))
      if (at === process.pid) return true;
    return false;
  };
  return [...memory].reduce((sum, [pid, bytes]) => sum + (isOurs(pid) ? bytes : 0), 0);
}
