// The runs of one optimizer as JSON keeps them.

import { z } from "zod";
import type { EvaluationUnit } from "../../../optimizers/evaluate/evaluate.ts";

/** JSON has no Infinity: a loss that is not finite is null there. */
const loss = z
  .number()
  .nullable()
  .transform((value) => value ?? Infinity);

/** A unit as JSON keeps it. */
export const keptUnit: z.ZodType<EvaluationUnit> = z.object({
  optimizer: z.string(),
  rate: z.number().nullable(),
  tried: z.array(z.object({ rate: z.number(), loss: z.number().nullable() })),
  curves: z.object({
    steps: z.array(z.number()),
    test: z.array(z.array(loss)),
    train: z.array(z.array(loss)),
    secondsPerStep: z.number(),
  }),
});
