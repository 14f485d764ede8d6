/**
 * One component's state in a stream: its rows, and what is remembered to foresee them. It is equal to the room's.
 *
 * A slot is *unsettled* from a tick in which it is coded until three ticks have passed in which it is not. Then it is *settled*: nothing
 * of it changes any more, but that it *coasts* if its fields have a velocity.
 * @module
 */

import { lowest, put } from "./bits.js";
import { PREDICTOR, Rule, VELOCITY, coast, moved, settle, update, way, whole } from "./predict.js";
import { Rows, grown } from "./rows.js";

/** @typedef {import("../schema.js").Shape} Shape */

/** A slot's last flags that are remembered: after as many ticks without a change it is settled. */
const HISTORY = 7;

/** One table and its predictors. */
export class MirrorTable {
  /** @param {Shape} shape */
  constructor(shape) {
    this.rows = new Rows(shape);
    /** By numeric field. */
    this.rules = shape.fields.filter((field) => !field.opaque).map((field) => new Rule(field));
    /** By opaque field: most bytes. */
    this.limits = shape.fields.flatMap(({ kind }) => (kind.type === "Text" || kind.type === "Bytes" ? [kind.max] : []));
    /** By slot and numeric field. */
    this.predictors = new Int32Array(0);
    /** By slot: whether it was coded in the last three ticks, the newest lowest. */
    this.history = new Uint8Array(0);
    /** Slots whose history is not 0. */
    this.unsettled = new Int32Array(0);
    /** Settled slots with a velocity. */
    this.coasting = new Int32Array(0);
    /** What a walk finds, for {@link MirrorTable.tick} to take in: the slots that are coded, */
    this.coded = new Int32Array(0);
    /** their numeric fields, which lie where those of the rows do, */
    this.next = new Int32Array(0);
    /** and opaque fields, by their place among the rows'. @type {{ place: number, bytes: Uint8Array }[]} */
    this.opaques = [];
  }

  /** Forgets what a walk has found. */
  begin() {
    this.coded.fill(0);
    this.opaques.length = 0;
  }

  /** Takes in a tick: what a walk has found, and that all else went as foreseen. */
  tick() {
    const { unsettled, coasting, coded } = this;
    for (let word = 0; word < coded.length; word++) {
      for (let rest = unsettled[word] | coasting[word] | coded[word]; rest; rest &= rest - 1) {
        const bit = lowest(rest);
        this.#step(word * 32 + bit, (coded[word] >>> bit) & 1);
      }
    }
    for (const { place, bytes } of this.opaques) this.rows.opaques[place] = bytes;
  }

  /**
   * Takes in a tick for a slot that is coded, unsettled or coasting.
   * @param {number} slot
   * @param {number} coded
   */
  #step(slot, coded) {
    const { rules, predictors, next } = this;
    const { ints } = this.rows;
    const before = this.history[slot];
    const history = ((before << 1) | coded) & HISTORY;
    this.history[slot] = history;
    const first = slot * rules.length;
    if (before === 0 && coded === 0) return this.#coast(slot, 1);
    const settles = before !== 0 && history === 0;
    for (let field = 0; field < rules.length; field++) {
      const rule = rules[field];
      const at = (first + field) * PREDICTOR;
      const old = ints[first + field];
      const now = coded ? next[first + field] : moved(rule, old, whole(way(predictors, at)));
      update(predictors, at, rule, old, now);
      if (settles) settle(predictors, at, rule, old, now);
      ints[first + field] = now;
    }
    if (coded || settles) this.#sort(slot);
  }

  /** Lets all settled slots coast so many ticks. @param {number} steps */
  coast(steps) {
    for (let word = 0; word < this.coasting.length; word++) {
      for (let rest = this.coasting[word]; rest; rest &= rest - 1) this.#coast(word * 32 + lowest(rest), steps);
    }
  }

  /**
   * @param {number} slot
   * @param {number} steps
   */
  #coast(slot, steps) {
    const { rules, predictors } = this;
    const { ints } = this.rows;
    const first = slot * rules.length;
    for (let field = 0; field < rules.length; field++) {
      ints[first + field] = coast(predictors, (first + field) * PREDICTOR, rules[field], ints[first + field], steps);
    }
  }

  /**
   * Adds or replaces a row and what is remembered of it.
   * @param {number} slot
   * @param {import("./record.js").Row} row
   */
  insert(slot, { history, ints, predictors, opaques }) {
    this.#reserve(slot);
    put(this.rows.present, slot, true);
    this.history[slot] = history;
    this.rows.ints.set(ints, slot * this.rules.length);
    this.predictors.set(predictors, slot * this.rules.length * PREDICTOR);
    opaques.forEach((bytes, field) => (this.rows.opaques[slot * opaques.length + field] = bytes));
    this.#sort(slot);
  }

  /** Takes a row out, if it is there. @param {number} slot */
  remove(slot) {
    if (slot >= this.rows.capacity) return;
    put(this.unsettled, slot, false);
    put(this.coasting, slot, false);
    put(this.rows.present, slot, false);
  }

  /** Takes all rows out. */
  clear() {
    this.unsettled.fill(0);
    this.coasting.fill(0);
    this.rows.present.fill(0);
  }

  /** Makes room for a slot. @param {number} slot */
  #reserve(slot) {
    if (!this.rows.reserve(slot)) return;
    const { capacity, present, ints } = this.rows;
    this.unsettled = grown(this.unsettled, present.length);
    this.coasting = grown(this.coasting, present.length);
    this.coded = new Int32Array(present.length);
    this.next = new Int32Array(ints.length);
    this.predictors = grown(this.predictors, ints.length * PREDICTOR);
    const history = new Uint8Array(capacity);
    history.set(this.history);
    this.history = history;
  }

  /** Puts the slot in the sets where it belongs. @param {number} slot */
  #sort(slot) {
    const { predictors, rules } = this;
    const unsettled = this.history[slot] !== 0;
    let moves = false;
    for (let at = slot * rules.length; at < (slot + 1) * rules.length; at++) moves ||= predictors[at * PREDICTOR + VELOCITY] !== 0;
    put(this.unsettled, slot, unsettled);
    put(this.coasting, slot, !unsettled && moves);
  }
}
