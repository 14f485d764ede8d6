/**
 * Records: rows whole, with all that is remembered of them; and the lists of what came and went.
 *
 * | list | form |
 * |---|---|
 * | slots despawned | count, then each as its distance from the one before |
 * | then for each table: slots that lost this component | the same |
 * | records | count, then each: slot as distance, history, numeric fields with their predictors, opaque fields |
 *
 * Numbers here are coded by what the snapshot has shown so far: each list of records begins with new models.
 * @module
 */

import { WireError } from "../bytes.js";
import { NUMBER, signed, tree, unsigned } from "./number.js";
import {
  ACCELERATION,
  FADING,
  LEAN,
  MAGNITUDE,
  MAX_LEAN,
  OFFSET,
  PREDICTOR,
  SETTLED_LEAN,
  VELOCITY,
  guessOf,
  moved,
  power,
  sound,
} from "./predict.js";
import { MAX_SLOTS } from "./rows.js";
import { readOpaque } from "./walk.js";

/** @typedef {import("./mirror.js").MirrorTable} MirrorTable */
/** @typedef {import("./predict.js").Rule} Rule */
/** @typedef {import("./range.js").RangeReader} RangeReader */

/**
 * A row whole.
 * @typedef {{ history: number, ints: Int32Array, predictors: Int32Array, opaques: Uint8Array[] }} Row
 * What came and went in one table: slots that lost this component, the despawned ones left out, and rows that came.
 * @typedef {{ removed: number[], slots: number[], rows: Row[] }} TableLists
 * What came and went.
 * @typedef {{ despawned: number[], tables: TableLists[] }} Lists
 */

/** Binary digits of small numbers. */
const HISTORY_DIGITS = 3;
const SETTLED_LEAN_DIGITS = 2;
const LEAN_DIGITS = 4;
const FADING_DIGITS = 2;
const MAGNITUDE_DIGITS = 5;

/** Models of a row's history. */
const HISTORY = 2 ** HISTORY_DIGITS;
/** By numeric field: the value that most records had so far, and by how many more than others had another. Then the models: */
const USUAL = 0;
const LEAD = USUAL + 1;
/** is it that value, what else is it, is nothing remembered, does it coast, */
const SAME = LEAD + 1;
const VALUE = SAME + 1;
const NEW = VALUE + NUMBER;
const COASTS = NEW + 1;
const SETTLED_LEANS = COASTS + 1;
const LEANS = SETTLED_LEANS + 2 ** SETTLED_LEAN_DIGITS;
const FADINGS = LEANS + 2 ** LEAN_DIGITS;
const MAGNITUDES = FADINGS + 2 ** FADING_DIGITS;
/** velocity and offset by guess, and the acceleration by magnitude. */
const VELOCITIES = MAGNITUDES + 2 ** MAGNITUDE_DIGITS;
const OFFSETS = VELOCITIES + 3 * NUMBER;
const ACCELERATIONS = OFFSETS + 3 * NUMBER;
/** All of them. */
const FIELD = ACCELERATIONS + 4 * NUMBER;

/** Reads lists. */
export class ListReader {
  /** What one table's records are read by: their history's models, then each field's. */
  #models = new Int32Array(0);

  /**
   * All lists; nothing is applied.
   * @param {RangeReader} coder
   * @param {MirrorTable[]} tables
   * @returns {Lists}
   * @throws {WireError} They are what no encoder writes.
   */
  read(coder, tables) {
    const counts = new Int32Array(NUMBER);
    const despawned = readSlots(coder, counts);
    const lists = tables.map((table) => {
      const removed = readSlots(coder, counts);
      /** @type {Row[]} */
      const rows = [];
      const slots = readSlots(coder, counts, () => {
        if (rows.length === 0) this.#renew(table.rules.length);
        rows.push(this.#row(coder, table));
      });
      return { removed, slots, rows };
    });
    return { despawned, tables: lists };
  }

  /** Begins a table's list. @param {number} fields */
  #renew(fields) {
    const length = HISTORY + fields * FIELD;
    if (this.#models.length < length) this.#models = new Int32Array(length);
    else this.#models.fill(0, 0, length);
  }

  /**
   * @param {RangeReader} coder
   * @param {MirrorTable} table
   * @returns {Row}
   */
  #row(coder, { rules, limits }) {
    const models = this.#models;
    const history = tree(coder, models, 0, HISTORY_DIGITS);
    const ints = new Int32Array(rules.length);
    const predictors = new Int32Array(rules.length * PREDICTOR);
    rules.forEach((rule, field) => {
      const at = HISTORY + field * FIELD;
      ints[field] = readValue(coder, models, at);
      readPredictor(coder, models, at, rule, history, predictors.subarray(field * PREDICTOR));
      if (moved(rule, ints[field], 0) !== ints[field] || !sound(predictors, field * PREDICTOR)) throw new WireError("a record is not one");
    });
    return { history, ints, predictors, opaques: limits.map((limit) => readOpaque(coder, limit)) };
  }
}

/**
 * A count and as many ascending slots, each with what belongs to it.
 * @param {RangeReader} coder
 * @param {Int32Array} counts
 * @param {() => void} [more]
 */
function readSlots(coder, counts, more) {
  /** @type {number[]} */
  const slots = [];
  const count = unsigned(coder, counts, 0);
  if (count === 0) return slots;
  const gaps = new Int32Array(NUMBER);
  for (let next = 0; slots.length < count; ) {
    const slot = next + unsigned(coder, gaps, 0);
    coder.check();
    if (slot >= MAX_SLOTS) throw new WireError(`slot ${slot} is out of range`);
    slots.push(slot);
    next = slot + 1;
    more?.();
  }
  return slots;
}

/**
 * @param {RangeReader} coder
 * @param {Int32Array} models
 * @param {number} at Where the field's begin.
 */
function readValue(coder, models, at) {
  if (coder.adapt(models, at + SAME)) {
    models[at + LEAD] += 1;
    return models[at + USUAL];
  }
  const value = signed(coder, models, at + VALUE);
  if (models[at + LEAD] > 0) {
    models[at + LEAD] -= 1;
  } else {
    models[at + USUAL] = value;
    models[at + LEAD] = 1;
  }
  return value;
}

/**
 * @param {RangeReader} coder
 * @param {Int32Array} models
 * @param {number} at Where the field's begin.
 * @param {Rule} rule
 * @param {number} history
 * @param {Int32Array} predictor All 0; takes what is remembered.
 */
function readPredictor(coder, models, at, rule, history, predictor) {
  predictor[LEAN] = rule.firstLean;
  if (history === 0) {
    if (!coder.adapt(models, at + COASTS)) {
      if (rule.free) predictor[LEAN] = (tree(coder, models, at + SETTLED_LEANS, SETTLED_LEAN_DIGITS) - 1) * SETTLED_LEAN;
      return;
    }
    predictor[LEAN] = -SETTLED_LEAN;
  } else {
    if (coder.adapt(models, at + NEW)) return;
    if (rule.free) {
      predictor[LEAN] = tree(coder, models, at + LEANS, LEAN_DIGITS) - MAX_LEAN;
      predictor[FADING] = tree(coder, models, at + FADINGS, FADING_DIGITS);
    }
    const size = tree(coder, models, at + MAGNITUDES, MAGNITUDE_DIGITS);
    predictor[MAGNITUDE] = power(size);
    predictor[ACCELERATION] = signed(coder, models, at + ACCELERATIONS + Math.min(size >> 1, 3) * NUMBER);
  }
  const guess = guessOf(predictor, 0);
  predictor[VELOCITY] = signed(coder, models, at + VELOCITIES + guess * NUMBER);
  predictor[OFFSET] = signed(coder, models, at + OFFSETS + guess * NUMBER);
}
