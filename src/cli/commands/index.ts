// The list of commands, in the order of the help. A new command is a file beside this one and a line here.

import type { RegisterCommand } from "../app/context.ts";
import { alignCommand } from "./align.ts";
import { canonicalCommand } from "./canonical.ts";
import { compareCommand } from "./compare.ts";
import { convertCommand } from "./convert.ts";
import { demoCommand } from "./experiments/demo.ts";
import { describeCommand } from "./describe.ts";
import { distanceCommand } from "./distance.ts";
import { doctorCommand } from "./doctor.ts";
import { embedCommand } from "./embed.ts";
import { experimentCommand } from "./experiments/experiment.ts";
import { fingerprintCommand } from "./fingerprint.ts";
import { mergeCommand } from "./merge.ts";
import { optimizerCommand } from "./optimizer/optimizer.ts";
import { predictCommand } from "./predict.ts";
import { queueCommand } from "./queue/queue.ts";
import { workerCommand } from "./queue/worker.ts";
import { rankCommand } from "./rank.ts";
import { reportCommand } from "./experiments/report.ts";
import { sketchCommand } from "./sketch.ts";
import { symmetriesCommand } from "./symmetries.ts";
import { trainCommand } from "./train.ts";
import { transportCommand } from "./experiments/transport.ts";
import { zooDifferCommand } from "./zoo/zoo-differ.ts";
import { zooCommand } from "./zoo/zoo.ts";

export const commands: readonly RegisterCommand[] = [
  demoCommand,
  doctorCommand,
  symmetriesCommand,
  describeCommand,
  embedCommand,
  compareCommand,
  convertCommand,
  distanceCommand,
  alignCommand,
  mergeCommand,
  canonicalCommand,
  fingerprintCommand,
  rankCommand,
  sketchCommand,
  zooCommand,
  zooDifferCommand,
  workerCommand,
  queueCommand,
  transportCommand,
  trainCommand,
  predictCommand,
  experimentCommand,
  optimizerCommand,
  reportCommand,
];
