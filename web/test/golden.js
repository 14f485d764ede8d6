/**
 * The vectors that Rust writes (`tests/tests/golden` tells their form), read by this client; runs in Node and in a page.
 * @module
 */

import { Replica } from "../snapshot.js";
import { Kind, records, schemaOf } from "./vectors.js";

/**
 * Plays snapshots to three clients: one from the start, one that loses some and comes back by resyncs, and one that is always new.
 * Throws at the first difference.
 * @param {Uint8Array} bytes
 * @returns {number} Snapshots whose hash was compared.
 */
export function checkSnapshots(bytes) {
  /** @type {Replica | undefined} */
  let steady;
  /** @type {Replica | undefined} */
  let lossy;
  let losing = false;
  let compared = 0;
  for (const { kind, hash, body } of records(bytes)) {
    const apply = (/** @type {Replica | undefined} */ replica) => {
      if (!replica) throw new Error("the schema comes first");
      const { fresh, hashMatched } = replica.apply(body);
      if (!fresh || hashMatched === false || replica.hash() !== hash) throw new Error(`tick ${replica.tick} differs`);
      compared += 1;
    };
    if (kind === Kind.SCHEMA) {
      const schema = schemaOf(body);
      [steady, lossy] = [new Replica(schema), new Replica(schema)];
    } else if (kind === Kind.DELTA) {
      apply(steady);
      if (!losing) apply(lossy);
    } else if (kind === Kind.KEYFRAME) {
      apply(steady && new Replica(steady.schema));
    } else if (kind === Kind.RESYNC) {
      apply(lossy);
      losing = false;
    } else {
      losing = true;
    }
  }
  return compared;
}
