/**
 * How long a replica takes to apply a delta, per live entity: `npm run speed`, after Rust has written the golden vectors.
 * @module
 */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Replica } from "../snapshot.js";
import { Kind, records, schemaOf } from "./vectors.js";

/** The first passes are slower: the engine is still compiling. */
const WARM_UP = 4;
const PASSES = 12;

/** The entities that a replica holds. @param {Replica} replica */
function live(replica) {
  return new Set(replica.schema.components.flatMap(({ name }) => [...replica.slots(name)])).size;
}

for (const name of ["swarm", "snapshots-1"]) {
  const path = new URL(`../../tests/out/${name}.bin`, import.meta.url);
  if (!existsSync(path)) continue;
  const [first, ...rest] = records(await readFile(path));
  const schema = schemaOf(first.body);
  const deltas = rest.filter(({ kind }) => kind === Kind.DELTA).map(({ body }) => body);
  let entities = 0;
  const counted = new Replica(schema);
  for (const delta of deltas) {
    counted.apply(delta);
    entities += live(counted);
  }
  const times = Array.from({ length: WARM_UP + PASSES }, () => {
    const replica = new Replica(schema);
    const start = performance.now();
    for (const delta of deltas) replica.apply(delta);
    return ((performance.now() - start) * 1e6) / entities;
  }).slice(WARM_UP);
  times.sort((one, other) => one - other);
  const bytes = deltas.reduce((sum, { length }) => sum + length, 0) / deltas.length;
  const each = (entities / deltas.length).toFixed(0);
  const median = times[PASSES / 2].toFixed(0);
  console.log(`${name}: ${deltas.length} deltas of ${bytes.toFixed(0)} bytes, ${each} entities: ${median} ns per live entity (least ${times[0].toFixed(0)})`);
}
