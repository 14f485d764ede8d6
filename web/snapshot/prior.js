/**
 * Probabilities of every decision of a walk: which there are, the built-in ones, and how they travel.
 *
 * A decision's *context* is what is known when it falls; each context has its own probability, as one of 64 levels. A table has a block of
 * contexts for its flags and digits, and each of its fields a block of its own:
 *
 * | block | contexts | what is known |
 * |---|---|---|
 * | table | 4 | whether any slot is coded, by {@link crowd} of the table's unsettled and coasting slots |
 * | | 4 | the same of a block of 64 slots |
 * | | 384 | whether a slot is coded: history (8), activity (8), fields on edge (3), an earlier component coded (2) |
 * | | 48 | the two digits after a residual's first: how many follow the first (16), then 3 |
 * | number | 90 | whether a residual is not zero: magnitude (10), residuals before it in the row (3), nearness of the next value (3) |
 * | | 72 | whether it is negative: guess (3), magnitude (6), fraction or direction (4) |
 * | | 640 | whether it has more digits: guess is hold or not (2), magnitude (10), residual before it (4), digits so far (8) |
 * | opaque | 3 | whether it changed: residuals before it in the row |
 * @module
 */

import { GENERIC } from "./generic.js";
import { NUMBER as MODELS, signed } from "./number.js";

/** @typedef {import("../schema.js").Schema} Schema */
/** @typedef {import("./range.js").RangeReader} RangeReader */

/** Contexts of a table's own block, */
const TABLE = 440;
/** of a numeric field's */
const NUMBER = 802;
/** and of an opaque field's. */
const OPAQUE = 3;

/** Where in a table's block begin the contexts of its blocks' flags, */
export const BLOCK = 4;
/** of its slots' flags */
export const SLOT = 8;
/** and of its residuals' digits; */
const DIGITS = 392;
/** and in a numeric field's block those of its sign */
const NEGATIVE = 90;
/** and of how many digits it has. */
const LONGER = 162;

/**
 * The probability of a 1 at each level, in 1/4096: 4096 / (1 + e^(-(level - 31.5) / 4)), rounded. Written out because engines may
 * differ in the last digit of `Math.exp`.
 */
const ONES = Uint16Array.of(
  ...[2, 2, 3, 3, 4, 5, 7, 9, 11, 15, 19, 24, 31, 40, 51, 65, 83, 106, 136, 172, 219, 277, 349, 437, 545, 674, 827, 1004, 1205, 1428, 1668, 1920],
  ...[2176, 2428, 2668, 2891, 3092, 3269, 3422, 3551, 3659, 3747, 3819, 3877, 3924, 3960, 3990, 4013, 4031, 4045, 4056, 4065, 4072, 4077, 4081],
  ...[4085, 4087, 4089, 4091, 4092, 4093, 4093, 4094, 4094],
);

/**
 * Where the contexts of a table begin.
 * @typedef {{ base: number, numbers: number[], opaques: number[] }} TableContexts
 */

/**
 * The contexts of a schema's tables, for each its own block, then its fields' blocks in order; and their built-in levels.
 * @param {Schema} schema
 */
export function layOut(schema) {
  const blocks = { table: GENERIC.subarray(0, TABLE), number: GENERIC.subarray(TABLE, TABLE + NUMBER), opaque: GENERIC.subarray(TABLE + NUMBER) };
  /** @type {Uint8Array[]} */
  const levels = [];
  let next = 0;
  const take = (/** @type {keyof typeof blocks} */ block) => {
    levels.push(blocks[block]);
    next += blocks[block].length;
    return next - blocks[block].length;
  };
  const contexts = schema.components.map(({ fields }) => {
    /** @type {TableContexts} */
    const contexts = { base: take("table"), numbers: [], opaques: [] };
    for (const { opaque } of fields) {
      if (opaque) contexts.opaques.push(take("opaque"));
      else contexts.numbers.push(take("number"));
    }
    return contexts;
  });
  const generic = new Uint8Array(next);
  let at = 0;
  for (const block of levels) {
    generic.set(block, at);
    at += block.length;
  }
  return { contexts, generic };
}

/** How many slots there are, roughly: 0, 1, 2 to 7, more. @param {number} slots */
export function crowd(slots) {
  return slots < 2 ? slots : slots < 8 ? 2 : 3;
}

/**
 * The first of two for whether an earlier component is coded, from the table's {@link SLOT} on.
 * @param {number} history A slot's last three flags, the newest lowest; 0 once it is settled.
 * @param {number} activity Of an unsettled slot the digits of a quarter of its magnitudes' sum, at most 7; of a settled one 1 if it coasts.
 * @param {number} onEdge Fields whose forecast lies far from a whole number, at most 2.
 */
export function ofSlot(history, activity, onEdge) {
  return ((history * 8 + activity) * 3 + onEdge) * 2;
}

/**
 * The digit after a residual's first, `after` of which follow it; then the first of two for the next digit, by this one.
 * @param {number} base The table's.
 * @param {number} after
 */
export function ofDigits(base, after) {
  return base + DIGITS + Math.min(after, 15) * 3;
}

/**
 * @param {number} base The field's.
 * @param {number} weight
 * @param {number} changed Up to 2.
 * @param {number} edge Up to 2.
 */
export function ofChanged(base, weight, changed, edge) {
  return base + (weight * 3 + changed) * 3 + edge;
}

/**
 * @param {number} base The field's.
 * @param {number} guess
 * @param {number} weight
 * @param {number} way Up to 3.
 */
export function ofNegative(base, guess, weight, way) {
  return base + NEGATIVE + (guess * 6 + Math.min(weight, 5)) * 4 + way;
}

/**
 * The first of eight for the digits so far.
 * @param {number} base The field's.
 * @param {boolean} moving
 * @param {number} weight
 * @param {number} before Up to 3.
 */
export function ofLonger(base, moving, weight, before) {
  return base + LONGER + (((moving ? 10 : 0) + weight) * 4 + before) * 8;
}

/**
 * The probabilities of a 1 at these levels, in 1/4096.
 * @param {Uint8Array} levels
 * @param {Uint16Array} chances Where they go.
 */
export function setChances(levels, chances) {
  for (let context = 0; context < levels.length; context++) chances[context] = ONES[levels[context]];
}

/**
 * Reads levels that travel as what differs from others.
 * @param {RangeReader} coder
 * @param {Uint8Array} known
 */
export function readLevels(coder, known) {
  const levels = known.slice();
  // Whether a level differs, by whether the last three did; and by how much, by whether the last did.
  const models = new Int32Array(8 + 2 * MODELS);
  let recent = 0;
  for (let context = 0; context < levels.length; context++) {
    const differs = coder.adapt(models, recent);
    if (differs) {
      const moved = signed(coder, models, 8 + (recent & 1) * MODELS);
      levels[context] = Math.min(Math.max(known[context] + moved, 0), ONES.length - 1);
    }
    recent = ((recent << 1) | differs) & 7;
  }
  return levels;
}
