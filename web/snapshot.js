/**
 * The client's copy of a room's state, kept by snapshots. A snapshot is read whole and checked before any of it is applied.
 * @module
 */

import { Reader, WireError } from "./bytes.js";
import { fromOpaque, fromWire } from "./schema.js";

/** @typedef {import("./schema.js").Schema} Schema */
/** @typedef {import("./schema.js").Shape} Shape */
/** @typedef {import("./schema.js").Value} Value */
/** @typedef {{ slot: number } & Record<string, any>} Row */

const MAX_SLOTS = 65536;
const FLAG_HASH = 1;

/** The snapshot starts from another tick than the replica is at: ask for a resync from there. */
export class GapError extends WireError {
  name = "GapError";
}

/** One component's rows by slot: numbers in one array, opaque fields in another. */
class Rows {
  /** @param {Shape} shape */
  constructor(shape) {
    this.shape = shape;
    const ints = shape.fields.filter((field) => !field.opaque);
    this.stride = ints.length;
    /** By field: its place among the numbers, or among the opaque ones. */
    this.places = shape.fields.map((field) => shape.fields.filter((other) => other.opaque === field.opaque).indexOf(field));
    /** By field: the bits of an angle, 0 for all else. */
    this.angles = shape.fields.map(({ kind }) => (kind.type === "Angle" ? kind.bits : 0));
    this.opaqueStride = shape.fields.length - ints.length;
    this.ints = new Int32Array(0);
    /** @type {Uint8Array[]} */
    this.opaques = [];
    this.present = new Uint8Array(0);
  }

  /** @param {number} slot */
  add(slot) {
    if (slot >= this.present.length) {
      const capacity = Math.min(MAX_SLOTS, Math.max(64, 2 ** Math.ceil(Math.log2(slot + 1))));
      const present = new Uint8Array(capacity);
      present.set(this.present);
      this.present = present;
      const ints = new Int32Array(capacity * this.stride);
      ints.set(this.ints);
      this.ints = ints;
    }
    this.present[slot] = 1;
  }

  /** @param {number} slot */
  has(slot) {
    return this.present[slot] === 1;
  }

  /** @param {number} slot */
  remove(slot) {
    if (slot < this.present.length) this.present[slot] = 0;
  }

  /**
   * @param {number} slot
   * @param {number} field
   * @returns {Value}
   */
  value(slot, field) {
    const { kind, opaque } = this.shape.fields[field];
    const place = this.places[field];
    return opaque
      ? fromOpaque(kind, this.opaques[slot * this.opaqueStride + place])
      : fromWire(kind, this.ints[slot * this.stride + place]);
  }

  /**
   * @param {number} slot
   * @returns {Row}
   */
  row(slot) {
    /** @type {Row} */
    const row = { slot };
    this.shape.fields.forEach(({ name }, field) => (row[name] = this.value(slot, field)));
    return row;
  }
}

/** A room's state at its last snapshot. */
export class Replica {
  #tables;
  /** @type {Map<string, Rows>} */
  #byName;

  /** @param {Schema} schema */
  constructor(schema) {
    this.schema = schema;
    /** The tick of the last snapshot, 0 before the first. */
    this.tick = 0;
    this.#tables = schema.components.map((shape) => new Rows(shape));
    this.#byName = new Map(this.#tables.map((rows) => [rows.shape.name, rows]));
  }

  /**
   * Every entity with this component, by slot, its fields as the game's values.
   * @param {string} component
   * @returns {Generator<Row>}
   */
  *rows(component) {
    const rows = this.#byName.get(component);
    for (const slot of this.slots(component)) if (rows) yield rows.row(slot);
  }

  /**
   * The slots that have this component, ascending.
   * @param {string} component
   * @returns {Generator<number>}
   */
  *slots(component) {
    const rows = this.#byName.get(component);
    if (rows) for (let slot = 0; slot < rows.present.length; slot++) if (rows.present[slot]) yield slot;
  }

  /**
   * @param {string} component
   * @param {number} slot
   */
  has(component, slot) {
    return this.#byName.get(component)?.has(slot) ?? false;
  }

  /**
   * This component of the entity in this slot, or null.
   * @param {string} component
   * @param {number} slot
   */
  get(component, slot) {
    const rows = this.#byName.get(component);
    return rows?.has(slot) ? rows.row(slot) : null;
  }

  /** The snapshot hash of the state. */
  hash() {
    let hash = 0x811c9dc5;
    for (const rows of this.#tables) {
      const { stride, opaqueStride, ints, opaques, places, present } = rows;
      const { fields } = rows.shape;
      for (let slot = 0; slot < present.length; slot++) {
        if (!present[slot]) continue;
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
      hash = mix(hash, 0xffffffff);
    }
    return hash >>> 0;
  }

  /**
   * Applies a snapshot's body.
   * @param {Uint8Array} body
   * @returns {{ fresh: boolean, hashMatched: boolean | null }} Not fresh if it is not newer than the replica; whether the snapshot
   *   hash is the replica's, null if none came along.
   * @throws {GapError} It starts from another tick.
   * @throws {WireError} It is malformed. The replica is as before in both cases.
   */
  apply(body) {
    const reader = new Reader(body);
    if (reader.u8() !== checkByte(body)) throw new WireError("the check byte is wrong");
    const tick = reader.varint();
    const back = reader.varint();
    if (back && back >= tick) throw new WireError("the base lies before the first tick");
    const flags = reader.u8();
    if (flags & ~FLAG_HASH) throw new WireError(`unknown flags ${flags}`);
    const hash = flags & FLAG_HASH ? reader.little(4) : null;
    if (back && tick <= this.tick) return { fresh: false, hashMatched: null };
    if (back && tick - back !== this.tick) {
      throw new GapError(`the snapshot starts from tick ${tick - back}, the replica is at ${this.tick}`);
    }
    const start = reader.at;
    this.#walk(reader, false, back === 0);
    if (!back) for (const rows of this.#tables) rows.present.fill(0);
    reader.at = start;
    this.#walk(reader, true, back === 0);
    this.tick = tick;
    return { fresh: true, hashMatched: hash === null ? null : hash === this.hash() };
  }

  /**
   * Walks over a snapshot's tables, to check them or to do what they say.
   * @param {Reader} reader
   * @param {boolean} apply
   * @param {boolean} keyframe
   */
  #walk(reader, apply, keyframe) {
    const tables = this.#tables;
    for (let count = reader.varint(), slot = -1; count > 0; count--) {
      slot = nextSlot(reader, slot);
      if (apply) for (const rows of tables) rows.remove(slot);
    }
    for (const rows of tables) {
      const { fields } = rows.shape;
      const { places, angles, stride, opaqueStride } = rows;
      for (let count = reader.varint(), slot = -1; count > 0; count--) {
        slot = nextSlot(reader, slot);
        if (apply) rows.remove(slot);
      }
      for (let count = reader.varint(), slot = -1; count > 0; count--) {
        slot = nextSlot(reader, slot);
        if (apply) rows.add(slot);
        for (let field = 0; field < fields.length; field++) {
          if (fields[field].opaque) {
            const bytes = reader.opaque();
            if (apply) rows.opaques[slot * opaqueStride + places[field]] = bytes.slice();
          } else {
            const value = reader.zigzag();
            if (apply) rows.ints[slot * stride + places[field]] = value;
          }
        }
      }
      for (let count = reader.varint(), slot = -1; count > 0; count--) {
        slot = nextSlot(reader, slot);
        if (apply) rows.add(slot);
        else if (keyframe || !rows.has(slot)) throw new WireError(`slot ${slot} has no such row`);
        const mask = reader.varint();
        if (mask === 0 || (fields.length < 32 && mask >>> fields.length)) throw new WireError("a mask names no field");
        for (let field = 0; field < fields.length; field++) {
          if (!((mask >>> field) & 1)) continue;
          if (fields[field].opaque) {
            const bytes = reader.opaque();
            if (apply) rows.opaques[slot * opaqueStride + places[field]] = bytes.slice();
            continue;
          }
          const difference = reader.zigzag();
          if (!apply) continue;
          const at = slot * stride + places[field];
          const value = (rows.ints[at] + difference) | 0;
          rows.ints[at] = angles[field] ? value & ((1 << angles[field]) - 1) : value;
        }
      }
    }
    reader.end();
  }
}

/**
 * @param {Reader} reader
 * @param {number} previous
 */
function nextSlot(reader, previous) {
  const slot = previous + 1 + reader.varint();
  if (slot >= MAX_SLOTS) throw new WireError(`slot ${slot} is out of range`);
  return slot;
}

/** FNV-1a of all but the first byte, folded to a byte. @param {Uint8Array} body */
function checkByte(body) {
  let hash = 0x811c9dc5;
  for (let at = 1; at < body.length; at++) hash = Math.imul(hash ^ body[at], 0x01000193);
  return (hash ^ (hash >>> 8) ^ (hash >>> 16) ^ (hash >>> 24)) & 0xff;
}

/**
 * @param {number} hash
 * @param {number} value
 */
function mix(hash, value) {
  hash ^= value;
  return (Math.imul((hash << 13) | (hash >>> 19), 0x9e3779b1) + 0x85ebca6b) | 0;
}
