// What every command is given: the interruption signal, where to print, how to show progress.

import type { Command } from "commander";
import { type Output, output } from "./output.ts";
import { progress, type Progress } from "./progress.ts";

export interface Cli {
  /** Aborts on Ctrl-C; long work ends at a safe place, and the same command continues it. */
  readonly signal: AbortSignal;
  readonly output: Output;
  /** Bars on a terminal, lines in a log, nothing under --json. */
  readonly progress: Progress;
  /** Says how to go on after Ctrl-C, where running the same command again does not. */
  hintResume(hint: string): void;
  /** The exit code of a command that succeeds; 0 unless set. */
  exitWith(code: number): void;
  /** Work to do before help is printed, such as loading a registry that it lists. */
  beforeHelp(load: () => Promise<void>): void;
}

/** What the command line itself asks of the context. */
export interface MainCli extends Cli {
  /** How to go on after Ctrl-C. */
  resumeHint(): string;
  /** What the command set by `exitWith`. */
  exitCode(): number;
  /** Does all work that help asks for. */
  loadHelp(): Promise<void>;
}

/** A command registers itself: `program.command("name")...action(...)`. */
export type RegisterCommand = (program: Command, cli: Cli) => void;

/** The context of the commands of a program; asks its --json option only once a command runs. */
export function context(program: Command, signal: AbortSignal): MainCli {
  const isJson = () => program.opts<{ json?: boolean }>().json === true;
  let shown: Progress | undefined;
  const chosen = () =>
    (shown ??= progress(isJson() ? "silent" : process.stderr.isTTY ? "bars" : "lines"));
  const plain = output(isJson);
  let code = 0;
  const loads: (() => Promise<void>)[] = [];
  let hint = "run the same command again to resume";
  return {
    signal,
    output: {
      result(...parts) {
        shown?.stop(); // a bar must not be drawn over the result
        plain.result(...parts);
      },
      aside(...parts) {
        shown?.stop();
        plain.aside(...parts);
      },
      note: (text) => plain.note(text),
    },
    progress: {
      task: (...task) => chosen().task(...task),
      stop: () => shown?.stop(),
    },
    hintResume(text) {
      hint = text;
    },
    exitWith(wanted) {
      code = wanted;
    },
    beforeHelp: (load) => void loads.push(load),
    async loadHelp() {
      for (const load of loads) await load();
    },
    exitCode: () => code,
    resumeHint: () => hint,
  };
}
