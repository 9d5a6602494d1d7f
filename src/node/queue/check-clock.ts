// Whether the clock of this machine agrees with that of a queue's server, where locks are kept by clocks.

import { EnvironmentError } from "../../core/errors.ts";
import type { QueueServer } from "./connect.ts";

/** The share of a lock by which clocks may differ: a lock is renewed when half of it is over. */
const sharesOfLock = 4;

/**
 * Locks on PostgreSQL end by the clocks of those who take them and of those who look for workers that are gone: a worker whose
 * clock is late would lose every unit, and the units of a dead one whose clock was ahead would not come back for so long. On
 * Redis they end by the clock of the server.
 * @throws {EnvironmentError} when the clocks differ by more than a fourth of the lock, in seconds
 */
export async function checkClock(server: QueueServer, lock: number): Promise<void> {
  const ahead = (await server.clockAhead()) / 1000;
  if (Math.abs(ahead) <= lock / sharesOfLock) return;
  const [seconds, where] = [Math.abs(ahead).toFixed(1), ahead > 0 ? "ahead of" : "behind"];
  throw new EnvironmentError(
    `queue: the clock of this machine is ${seconds} s ${where} that of ${server.address.shown}, and locks of ${lock} s on PostgreSQL allow for ${lock / sharesOfLock} s; set the clock (NTP), or keep the queue on Redis, whose locks need no clocks`,
  );
}
