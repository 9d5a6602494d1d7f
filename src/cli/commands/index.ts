// The list of commands, in the order of the help. A new command is a file beside this one and a line here.

import type { RegisterCommand } from "../context.ts";
import { reportCommand } from "./report.ts";

export const commands: readonly RegisterCommand[] = [reportCommand];
