/**
 * The walk over what is coded in a tick.
 *
 * | decision | of | if 1 |
 * |---|---|---|
 * | is any slot coded? | each table, in schema order | |
 * | is any slot coded? | each block of 64 slots of it that has rows | |
 * | is it coded? | each slot of the block that has a row | |
 * | is the residual not 0? | each numeric field of the row | sign, unary count of the digits after the first (above 15 raw), the digits |
 * | has it changed? | each opaque field of the row | its length and bytes, raw |
 *
 * A row's last field is not asked for if no other field differs: it must, then. Nothing is changed by a walk but what tables keep for it.
 * @module
 */

import { WireError } from "../bytes.js";
import { MAX_FIELDS } from "../schema.js";
import { WORD, count, digits, lowest } from "./bits.js";
import { Guess, MAGNITUDE, PREDICTOR, VELOCITY, fraction, guessOf, moved, way, weight, whole } from "./predict.js";
import { BLOCK, SLOT, crowd, ofChanged, ofDigits, ofLonger, ofNegative, ofSlot } from "./prior.js";
import { RangeReader } from "./range.js";
import { MAX_SLOTS } from "./rows.js";

/** @typedef {import("./mirror.js").MirrorTable} MirrorTable */
/** @typedef {import("./prior.js").TableContexts} TableContexts */

/** Words of a block. */
const WORDS = 2;
/** Residuals with more digits than this after the first are noise: how many more is raw, in 4 bits. */
const ESCAPE = 16;

/** Reads walks. */
export class Walk {
  /** Slots that are coded in the tables so far. */
  #earlier = new Int32Array(MAX_SLOTS / WORD);
  /** The moves that are foreseen of the row in hand. */
  #ways = new Int32Array(MAX_FIELDS);
  #coder = new RangeReader(new Uint8Array(0));
  /** @type {Uint16Array} */
  #chances = new Uint16Array(0);

  /**
   * All tables; what is found waits in them.
   * @param {RangeReader} coder
   * @param {Uint16Array} chances By context: the probability of a 1, in 1/4096.
   * @param {MirrorTable[]} tables
   * @param {TableContexts[]} contexts
   * @throws {WireError} The bytes have ended, or an opaque field is too long.
   */
  read(coder, chances, tables, contexts) {
    this.#coder = coder;
    this.#chances = chances;
    this.#earlier.fill(0);
    tables.forEach((table, index) => this.#table(table, contexts[index]));
  }

  /**
   * @param {MirrorTable} table
   * @param {TableContexts} contexts
   */
  #table(table, contexts) {
    const { unsettled, coasting, coded } = table;
    const { present } = table.rows;
    const earlier = this.#earlier;
    let active = 0;
    for (let word = 0; word < present.length; word++) active += count(unsettled[word] | coasting[word]);
    if (!this.#decide(contexts.base + crowd(active))) return;
    for (let word = 0; word < present.length; word += WORDS) {
      if (!(present[word] | present[word + 1])) continue;
      const active = count(unsettled[word] | coasting[word]) + count(unsettled[word + 1] | coasting[word + 1]);
      if (!this.#decide(contexts.base + BLOCK + crowd(active))) continue;
      for (let half = word; half < word + WORDS; half++) {
        let found = 0;
        for (let rest = present[half]; rest; rest &= rest - 1) {
          const bit = lowest(rest);
          const slot = half * WORD + bit;
          const context = contexts.base + SLOT + this.#foresee(table, slot, (coasting[half] >>> bit) & 1);
          if (!this.#decide(context + ((earlier[half] >>> bit) & 1))) continue;
          found |= 1 << bit;
          this.#row(table, contexts, slot);
        }
        coded[half] = found;
        earlier[half] |= found;
      }
    }
  }

  /** @param {number} context */
  #decide(context) {
    return this.#coder.bit(this.#chances[context]);
  }

  /**
   * Foresees a row; returns what is known of it before its flag.
   * @param {MirrorTable} table
   * @param {number} slot
   * @param {number} coasts 1 if it is settled and has a velocity.
   */
  #foresee({ rules, predictors, history }, slot, coasts) {
    const ways = this.#ways;
    const past = history[slot];
    if (past === 0 && coasts === 0) {
      for (let field = 0; field < rules.length; field++) ways[field] = 0;
      return 0;
    }
    let magnitudes = 0;
    let onEdge = 0;
    let at = slot * rules.length * PREDICTOR;
    for (let field = 0; field < rules.length; field++, at += PREDICTOR) {
      const move = way(predictors, at);
      ways[field] = move;
      magnitudes += predictors[at + MAGNITUDE];
      if (fraction(move) === -2) onEdge += 1;
    }
    return ofSlot(past, past === 0 ? 1 : Math.min(digits(magnitudes >>> 2), 7), Math.min(onEdge, 2));
  }

  /**
   * @param {MirrorTable} table
   * @param {TableContexts} contexts
   * @param {number} slot
   */
  #row(table, contexts, slot) {
    const { rules, predictors, next } = table;
    const { ints } = table.rows;
    const first = slot * rules.length;
    const last = rules.length + table.limits.length - 1;
    let changed = 0;
    let before = 0;
    for (let field = 0; field < rules.length; field++) {
      const base = contexts.numbers[field];
      const rule = rules[field];
      const at = (first + field) * PREDICTOR;
      const move = this.#ways[field];
      let value = moved(rule, ints[first + field], whole(move));
      const context = ofChanged(base, weight(predictors[at + MAGNITUDE]), Math.min(changed, 2), Math.abs(fraction(move)));
      if ((changed === 0 && field === last) || this.#decide(context)) {
        const residual = this.#residual(contexts.base, base, predictors, at, move, before);
        value = moved(rule, value, residual);
        changed += 1;
        before = Math.min(digits(Math.abs(residual)), 3);
      } else {
        before = 0;
      }
      next[first + field] = value;
    }
    for (let field = 0; field < table.limits.length; field++) {
      const only = changed === 0 && rules.length + field === last;
      if (!only && !this.#decide(contexts.opaques[field] + Math.min(changed, 2))) continue;
      changed += 1;
      table.opaques.push({ place: slot * table.limits.length + field, bytes: readOpaque(this.#coder, table.limits[field]) });
    }
    this.#coder.check();
  }

  /**
   * A residual that is not 0.
   * @param {number} ofTable Where its contexts begin.
   * @param {number} ofField
   * @param {Int32Array} predictors
   * @param {number} at
   * @param {number} move The one that is foreseen.
   * @param {number} before Digits of the residual before it in the row, up to 3.
   */
  #residual(ofTable, ofField, predictors, at, move, before) {
    const guess = guessOf(predictors, at);
    const size = weight(predictors[at + MAGNITUDE]);
    const moving = guess !== Guess.HOLD;
    const side = moving ? fraction(move) + 2 : Math.sign(predictors[at + VELOCITY]) + 1;
    const negative = this.#decide(ofNegative(ofField, guess, size, side));
    const longer = ofLonger(ofField, moving, size, before);
    let after = 0;
    while (after < ESCAPE && this.#decide(longer + Math.min(after, 7))) after += 1;
    if (after === ESCAPE) after += this.#coder.raw(4);
    let number = 1;
    if (after > 0) {
      const context = ofDigits(ofTable, after);
      const second = this.#decide(context);
      number = 2 | second;
      if (after > 1) {
        number = (number << 1) | this.#decide(context + 1 + second);
        if (after > 2) number = (number << (after - 2)) | this.#coder.raw(after - 2);
      }
    }
    return negative ? -number | 0 : number;
  }
}

/**
 * An opaque field: how many digits its length has, the length and the bytes.
 * @param {RangeReader} coder
 * @param {number} limit
 */
export function readOpaque(coder, limit) {
  const length = coder.raw(coder.raw(5));
  if (length > limit) throw new WireError("an opaque field is too long");
  // Each raw byte takes a byte in.
  if (length > coder.left) throw new WireError("the bytes end too soon");
  return Uint8Array.from({ length }, () => coder.raw(8));
}
