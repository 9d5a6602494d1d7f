// Commands of weightspace one after another, for experiments that go on where they were: a time after which they stop, and a bar.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../../scripts/sources.js";

/** Exit status of a run whose minutes are over: everything that is finished is kept. */
const notFinished = 75;

/**
 * Runs a command until it ends, or, after so many minutes from now, stops it and this process; commands keep what they have finished.
 * @param {string} name of the experiment, for messages
 * @param {number} minutes
 * @returns {(text: string) => Promise<void>}
 */
export function commandRunner(name, minutes) {
  const deadline = Date.now() + 60_000 * minutes;
  return (text) => {
    console.error(`weightspace ${text}`);
    const left = deadline - Date.now();
    const child = spawn(process.execPath, [join(root, "bin/weightspace.js"), ...text.split(" ")], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    let stopped = left <= 0;
    const stop = () => {
      stopped = true;
      child.kill("SIGINT");
    };
    if (stopped) stop();
    const timer = Number.isFinite(left) && left > 0 ? setTimeout(stop, left) : undefined;
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (status) => {
        clearTimeout(timer);
        if (status === 0) resolve();
        else if (stopped) {
          console.error(`${name}: time is over; the same command goes on from here`);
          process.exit(notFinished);
        } else reject(new Error(`exit ${status}: weightspace ${text}`));
      });
    });
  };
}

/**
 * What an experiment is asked on its command line: names of what it has, `--minutes <n>`, `--parts <folder>`, `--tiny`. Says what is
 * wrong and ends the process where it cannot be read.
 * @param {string} name of the experiment, for messages
 * @param {readonly string[]} words
 * @param {readonly string[]} names
 */
export function readArguments(name, words, names) {
  const asked = parseArguments(words, names);
  if (typeof asked !== "string") return asked;
  console.error(`${name}: ${asked}`);
  process.exit(2);
}

function parseArguments(words, names) {
  const asked = { chosen: [], tiny: false, minutes: Infinity, parts: null };
  for (let i = 0; i < words.length; i++) {
    if (words[i] === "--tiny") asked.tiny = true;
    else if (words[i] === "--minutes") asked.minutes = Number(words[++i]);
    else if (words[i] === "--parts") asked.parts = words[++i] ?? "";
    else if (names.includes(words[i])) asked.chosen.push(words[i]);
    else
      return `unknown "${words[i]}", expected ${names.join(", ")}, --minutes <n>, --parts <folder> or --tiny`;
  }
  if (asked.parts === "") return "--parts expected a folder";
  if (!(asked.minutes > 0)) return "--minutes expected a number above 0";
  return asked.chosen.length > 0 ? asked : { ...asked, chosen: [...names] };
}
