/**
 * One component's quantised values, a row a slot: what a replica is made of.
 * @module
 */

import { fromOpaque, fromWire } from "../schema.js";
import { WORD, has } from "./bits.js";

/** @typedef {import("../schema.js").Shape} Shape */
/** @typedef {import("../schema.js").Value} Value */
/** @typedef {{ slot: number } & Record<string, any>} Row */

/** Slots are below this. */
export const MAX_SLOTS = 65536;
/** Rows that there is room for at first. */
const FEW = 64;
const EMPTY = new Uint8Array(0);

/** The rows of one component, by slot. */
export class Rows {
  /** @param {Shape} shape */
  constructor(shape) {
    this.shape = shape;
    /** Numeric fields of a row. */
    this.stride = shape.fields.filter((field) => !field.opaque).length;
    /** Opaque fields of a row. */
    this.opaqueStride = shape.fields.length - this.stride;
    /** By field: its place among the numbers, or among the opaque ones. */
    this.places = shape.fields.map((field) => shape.fields.filter((other) => other.opaque === field.opaque).indexOf(field));
    /** Rows that there is room for. */
    this.capacity = 0;
    this.present = new Int32Array(0);
    this.ints = new Int32Array(0);
    /** @type {Uint8Array[]} */
    this.opaques = [];
  }

  /** Makes room for a slot; whether there was none. @param {number} slot */
  reserve(slot) {
    if (slot < this.capacity) return false;
    while (slot >= this.capacity) this.capacity = Math.max(this.capacity * 2, FEW);
    this.present = grown(this.present, this.capacity / WORD);
    this.ints = grown(this.ints, this.capacity * this.stride);
    while (this.opaques.length < this.capacity * this.opaqueStride) this.opaques.push(EMPTY);
    return true;
  }

  /** @param {number} slot */
  has(slot) {
    return has(this.present, slot);
  }

  /** The slots that have a row, ascending. @returns {Generator<number>} */
  *slots() {
    for (let slot = 0; slot < this.capacity; slot++) if (this.has(slot)) yield slot;
  }

  /**
   * A row that is there, its fields as the game's values.
   * @param {number} slot
   */
  row(slot) {
    /** @type {Row} */
    const row = { slot };
    this.shape.fields.forEach(({ name }, field) => (row[name] = this.#value(slot, field)));
    return row;
  }

  /**
   * @param {number} slot
   * @param {number} field
   * @returns {Value}
   */
  #value(slot, field) {
    const { kind, opaque } = this.shape.fields[field];
    const place = this.places[field];
    return opaque
      ? fromOpaque(kind, this.opaques[slot * this.opaqueStride + place])
      : fromWire(kind, this.ints[slot * this.stride + place]);
  }

  /** The snapshot hash, which the tables before have brought so far, with this one. @param {number} hash */
  mixInto(hash) {
    const { stride, opaqueStride, places, capacity, ints, opaques } = this;
    const { fields } = this.shape;
    for (let slot = 0; slot < capacity; slot++) {
      if (!this.has(slot)) continue;
      hash = mix(hash, slot);
      for (let field = 0; field < fields.length; field++) {
        if (!fields[field].opaque) {
          hash = mix(hash, ints[slot * stride + places[field]]);
          continue;
        }
        const bytes = opaques[slot * opaqueStride + places[field]];
        hash = mix(hash, bytes.length);
        for (const byte of bytes) hash = mix(hash, byte);
      }
    }
    return mix(hash, 0xffffffff);
  }
}

/**
 * The same numbers at the front of more.
 * @param {Int32Array} numbers
 * @param {number} length
 */
export function grown(numbers, length) {
  const more = new Int32Array(length);
  more.set(numbers);
  return more;
}

/**
 * @param {number} hash
 * @param {number} value
 */
function mix(hash, value) {
  hash ^= value;
  return (Math.imul((hash << 13) | (hash >>> 19), 0x9e3779b1) + 0x85ebca6b) | 0;
}
