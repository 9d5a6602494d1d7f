// The browser that tests and screenshots of the page run in: Chromium of this machine.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

/** The path of Chromium, or undefined. */
export const chromiumPath = () =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .flatMap((place) =>
      ["chromium", "chromium-browser", "google-chrome"].map((name) => join(place, name)),
    )
    .find((path) => existsSync(path));

/** Starts it without a window. @throws {Error} when there is none */
export async function openBrowser(executablePath = chromiumPath()) {
  if (executablePath === undefined) throw new Error("needs Chromium: apt-get install chromium");
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}
