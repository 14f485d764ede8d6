/**
 * What no room sends, and what does not follow: refused, and nothing of the replica has changed. The bytes are golden ones, spoiled.
 * @module
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { Reader, WireError } from "../bytes.js";
import { GapError, Replica } from "../snapshot.js";
import { GENERIC } from "../snapshot/generic.js";
import { LEVELS, MODULE, moduleOf } from "./generic.js";
import { Kind, records, schemaOf } from "./vectors.js";

// A Buffer's slices are views; copies are what is spoiled here.
const [welcome, ...rest] = records(new Uint8Array(await readFile(new URL("../../tests/out/snapshots-1.bin", import.meta.url))));
const schema = schemaOf(welcome.body);
const deltas = rest.filter(({ kind }) => kind === Kind.DELTA);
/** Flags: a walk, what came and went, and the priors of the next epoch. */
const [CODED, LISTS, ANNOUNCEMENT] = [8, 16, 32];
/** When everything has its course. */
const LIVELY = 50;

/** A delta whose flags say so, and the tick of a replica that it is for. @param {(flags: number) => boolean} say */
function delta(say) {
  const tick = deltas.findIndex(({ body }, tick) => {
    const head = new Reader(body.subarray(1));
    head.varint();
    head.varint();
    return tick > LIVELY && say(head.u8());
  });
  assert.ok(tick > 0);
  return { snapshot: deltas[tick], tick };
}

/** The first record of a kind, and how many deltas stand before it. @param {number} kind */
function first(kind) {
  const at = rest.findIndex((record) => record.kind === kind);
  return { snapshot: rest[at], tick: rest.slice(0, at).filter((record) => record.kind === Kind.DELTA).length };
}

const keyframe = first(Kind.KEYFRAME);

/** A replica after so many deltas. @param {number} tick */
function replicaAt(tick) {
  const replica = new Replica(schema);
  for (const { body } of deltas.slice(0, tick)) replica.apply(body);
  assert.equal(replica.hash(), deltas[tick - 1].hash);
  return replica;
}

/** Bodies of every sort, each with the tick of a replica that it is for. */
const SNAPSHOTS = [
  { name: "a delta", ...delta((flags) => flags === CODED) },
  { name: "a delta with records", ...delta((flags) => flags === (CODED | LISTS)) },
  { name: "a delta that announces", ...delta((flags) => flags >= ANNOUNCEMENT) },
  { name: "a keyframe", ...keyframe },
  { name: "a resync", tick: first(Kind.LOSS).tick, snapshot: first(Kind.RESYNC).snapshot },
];

/** The same with a check byte that fits, so that the form itself must notice. @param {Uint8Array} body */
function forged(body) {
  const copy = body.slice();
  let hash = 0x811c9dc5;
  for (const byte of copy.subarray(1)) hash = Math.imul(hash ^ byte, 0x01000193);
  if (copy.length) copy[0] = hash ^ (hash >>> 8) ^ (hash >>> 16) ^ (hash >>> 24);
  return copy;
}

/** Whether the body is refused, as the relay's fault. @param {Replica} replica @param {Uint8Array} body */
function refused(replica, body) {
  try {
    replica.apply(body);
    return false;
  } catch (error) {
    assert.ok(error instanceof WireError, String(error));
    return true;
  }
}

/** Makes sure that nothing has happened to a replica: not to its rows, and not to what foresees the next. @param {Replica} replica */
function unchanged(replica) {
  const tick = replica.tick;
  assert.equal(replica.hash(), deltas[tick - 1].hash);
  for (const { body, hash } of deltas.slice(tick, tick + 10)) {
    replica.apply(body);
    assert.equal(replica.hash(), hash);
  }
}

/**
 * Tries a spoiled body. If it is taken for what it says, a keyframe must mend the replica, and another takes its place.
 * @param {Replica} replica
 * @param {Uint8Array} body
 */
function survivor(replica, body) {
  const { tick } = replica;
  if (refused(replica, body)) return replica;
  replica.apply(keyframe.snapshot.body);
  unchanged(replica);
  return replicaAt(tick);
}

for (const { name, tick, snapshot } of SNAPSHOTS) {
  const { body } = snapshot;

  describe(name, () => {
    test("that is cut anywhere is refused", () => {
      let replica = replicaAt(tick);
      for (let length = 0; length < body.length; length++) {
        const cut = body.subarray(0, length);
        assert.ok(refused(replica, cut), `cut at ${length}`);
        replica = survivor(replica, forged(cut));
      }
      unchanged(replica);
    });

    test("that is too long is refused", () => {
      const replica = replicaAt(tick);
      assert.ok(refused(replica, forged(Uint8Array.of(...body, 0))));
      unchanged(replica);
    });

    test("of which a bit was flipped does no harm", () => {
      let replica = replicaAt(tick);
      for (let at = 0; at < body.length; at += 1 + (at >> 5)) {
        const flipped = body.slice();
        flipped[at] ^= 1 << (at * 5) % 8;
        // The check byte misses one in 256.
        replica = survivor(survivor(replica, flipped), forged(flipped));
      }
      unchanged(replica);
    });
  });
}

test("random bytes do no harm", () => {
  let random = 1;
  const next = () => (random = (Math.imul(random, 1103515245) + 12345) >>> 0) >>> 16;
  for (let flags = 0; flags < 64; flags++) {
    let replica = replicaAt(LIVELY);
    for (let round = 0; round < 20; round++) {
      const noise = Array.from({ length: next() % 60 }, () => next() & 0xff);
      replica = survivor(replica, forged(Uint8Array.of(0, LIVELY + 1, round % 2, flags, ...noise)));
    }
    unchanged(replica);
  }
});

test("flags that do not go together are refused", () => {
  const replica = replicaAt(8);
  for (const [head, message] of /** @type {[number[], RegExp][]} */ ([
    [[9, 1, 64], /unknown flags 64/],
    [[9, 1, 4], /unknown flags 4/],
    [[9, 0, 8], /unknown flags 8/],
    [[9, 0, 2, 1], /unknown flags 2/],
    [[9, 1, 2, 0], /a resync over 0 deltas/],
    [[9, 1, 2, 129, 2], /a resync over 257 deltas/],
    [[9, 9, 0], /the base lies before the first tick/],
  ])) {
    assert.throws(() => replica.apply(forged(Uint8Array.of(0, ...head))), (error) => error instanceof WireError && message.test(error.message));
  }
  unchanged(replica);
});

test("a delta that does not follow is a gap, one that is old is nothing", () => {
  const replica = replicaAt(20);
  assert.throws(() => replica.apply(deltas[21].body), GapError);
  assert.deepEqual(replica.apply(deltas[19].body), { fresh: false, hashMatched: null });
  unchanged(replica);
});

test("a keyframe brings any replica to its tick", () => {
  for (const tick of [1, keyframe.tick, 400]) {
    const replica = replicaAt(tick);
    assert.equal(replica.apply(keyframe.snapshot.body).fresh, true);
    assert.equal(replica.tick, keyframe.tick);
    unchanged(replica);
  }
});

test("the built-in priors are the room's", async () => {
  const levels = await readFile(LEVELS);
  assert.deepEqual(Buffer.from(GENERIC), levels);
  assert.equal(await readFile(MODULE, "utf8"), moduleOf(levels));
});

test("a page says what it goes by", () => {
  const replica = new Replica(schema);
  replica.expect("Position", ["x", "y"]);
  replica.expect("Position");
  assert.throws(() => replica.expect("Boat", ["x"]), /the room has no component `Boat`/);
  assert.throws(() => replica.expect("Position", ["x", "z"]), /the room's `Position` has no field `z`/);
});

test("rows are there by slot, in the game's values", () => {
  const replica = replicaAt(keyframe.tick);
  const slots = [...replica.slots("Pilot")];
  const [slot] = slots;
  assert.ok(slots.length > 3);
  assert.deepEqual(slots, slots.toSorted((one, other) => one - other));
  assert.equal(replica.has("Pilot", slot), true);
  assert.match(replica.get("Pilot", slot)?.name, /^Pilöt \d+$/);
  assert.deepEqual([...replica.rows("Pilot")].map((row) => row.slot), slots);
  assert.equal(replica.get("Pilot", 65535), null);
  assert.equal(replica.has("Boat", slot), false);
  assert.deepEqual([...replica.rows("Boat")], []);
});
