// What a queue says of a list of work and of its units: where results go and what they are called, and nothing that a worker would have
// to believe. Everything else follows from the store, and the name of the queue is the digest of the list.

import { z } from "zod";
import { roundKinds } from "../../experiment/search/round-kinds.ts";
import { packageVersion } from "../package-version.ts";

export const listFormat = "weightspace/work-list@1";

/** The kinds of lists that workers know. */
const listKinds = ["zoo", ...roundKinds, "runs", "optimizers"] as const;
export type ListKind = (typeof listKinds)[number];

const description = z.strictObject({
  format: z.literal(listFormat),
  kind: z.enum(listKinds),
  /** Of this package: workers must have the same, since other versions may train other weights. */
  version: z.string().max(50),
  /** A folder's absolute path, or s3://bucket/prefix. */
  location: z.string().min(1).max(1000),
});

/** A list of work as the queue tells of it. */
export type ListDescription = z.infer<typeof description>;

export const describeList = (kind: string, location: string): ListDescription =>
  description.parse({ format: listFormat, kind, version: packageVersion(), location });

/** The description that a queue holds; undefined for anything else. */
export const parseDescription = (told: unknown): ListDescription | undefined =>
  description.safeParse(told).data;

const unitData = z.strictObject({ name: z.string().max(300) });

/** What a job carries of a unit, whose identity is the job's. */
export type UnitData = z.infer<typeof unitData>;

/** What a job says of its unit; undefined for anything else. */
export const parseUnit = (told: unknown): UnitData | undefined => unitData.safeParse(told).data;
