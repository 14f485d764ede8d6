/**
 * The client's copy of a room's state, kept by snapshots. A snapshot is read whole and checked before any of it is applied.
 * @module
 */

import { Reader, WireError } from "./bytes.js";
import { MirrorTable } from "./snapshot/mirror.js";
import { layOut, readLevels, setChances } from "./snapshot/prior.js";
import { RangeReader } from "./snapshot/range.js";
import { ListReader } from "./snapshot/record.js";
import { Walk } from "./snapshot/walk.js";

/** @typedef {import("./schema.js").Schema} Schema */
/** @typedef {import("./snapshot/rows.js").Row} Row */

/** Deltas that a resync can go over. */
const RESYNC_WINDOW = 256;

/** What a snapshot's flags say is there: the snapshot hash and a resync's number of steps in the head, */
const HASH = 1;
const RESYNC = 2;
/** then, in the range-coded stream, the priors in force, a walk, what came and went, and the priors of the next epoch. */
const PRIORS = 4;
const CODED = 8;
const LISTS = 16;
const ANNOUNCEMENT = 32;
const STREAM = PRIORS | CODED | LISTS | ANNOUNCEMENT;
const ALL = HASH | RESYNC | STREAM;

/**
 * What stands before the range-coded stream. A base of null is a keyframe's.
 * @typedef {{ tick: number, base: number | null, flags: number, hash: number | null, steps: number }} Head
 */

/** The snapshot starts from another tick than the replica is at: ask for a resync from there. */
export class GapError extends WireError {
  name = "GapError";
}

/** A room's state at its last snapshot. */
export class Replica {
  #tables;
  /** @type {Map<string, MirrorTable>} */
  #byName;
  #contexts;
  /** The built-in levels, */
  #generic;
  /** those in force, */
  #levels;
  /** and as probabilities. */
  #chances;
  #walk = new Walk();
  #lists = new ListReader();

  /** @param {Schema} schema */
  constructor(schema) {
    this.schema = schema;
    /** The tick of the last snapshot, 0 before the first. */
    this.tick = 0;
    this.#tables = schema.components.map((shape) => new MirrorTable(shape));
    this.#byName = new Map(this.#tables.map((table) => [table.rows.shape.name, table]));
    const { contexts, generic } = layOut(schema);
    this.#contexts = contexts;
    this.#generic = generic;
    this.#levels = generic;
    this.#chances = new Uint16Array(generic.length);
    setChances(generic, this.#chances);
  }

  /**
   * Makes sure that the room has what a page goes by.
   * @param {string} component
   * @param {string[]} [fields]
   * @throws {Error} The component or a field, which is named, is missing.
   */
  expect(component, fields = []) {
    const shape = this.schema.components.find(({ name }) => name === component);
    if (!shape) throw new Error(`the room has no component \`${component}\``);
    const missing = fields.find((field) => !shape.fields.some(({ name }) => name === field));
    if (missing !== undefined) throw new Error(`the room's \`${component}\` has no field \`${missing}\``);
  }

  /**
   * Every entity with this component, by slot, its fields as the game's values.
   * @param {string} component
   * @returns {Generator<Row>}
   */
  *rows(component) {
    const rows = this.#byName.get(component)?.rows;
    if (rows) for (const slot of rows.slots()) yield rows.row(slot);
  }

  /**
   * The slots that have this component, ascending.
   * @param {string} component
   * @returns {Generator<number>}
   */
  *slots(component) {
    const rows = this.#byName.get(component)?.rows;
    if (rows) yield* rows.slots();
  }

  /**
   * @param {string} component
   * @param {number} slot
   */
  has(component, slot) {
    return this.#byName.get(component)?.rows.has(slot) ?? false;
  }

  /**
   * This component of the entity in this slot, or null.
   * @param {string} component
   * @param {number} slot
   */
  get(component, slot) {
    const rows = this.#byName.get(component)?.rows;
    return rows?.has(slot) ? rows.row(slot) : null;
  }

  /** The snapshot hash of the state. */
  hash() {
    return this.#tables.reduce((hash, { rows }) => rows.mixInto(hash), 0x811c9dc5) >>> 0;
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
    const head = readHead(reader);
    if (head.base !== null && head.tick <= this.tick) return { fresh: false, hashMatched: null };
    if (head.base !== null && head.base !== this.tick) {
      throw new GapError(`the snapshot starts from tick ${head.base}, the replica is at ${this.tick}`);
    }
    const { lists, levels } = this.#read(head, reader.take(reader.left));
    this.#move(head);
    if (lists) this.#list(lists);
    if (levels) {
      this.#levels = levels;
      setChances(levels, this.#chances);
    }
    this.tick = head.tick;
    return { fresh: true, hashMatched: head.hash === null ? null : head.hash === this.hash() };
  }

  /**
   * Reads all there is, and applies nothing: what a walk finds waits in the tables.
   * @param {Head} head
   * @param {Uint8Array} stream
   */
  #read({ base, flags }, stream) {
    for (const table of this.#tables) table.begin();
    // What a keyframe does not bring is as built in.
    let levels = base === null && this.#levels !== this.#generic ? this.#generic : null;
    let lists = null;
    if (!(flags & STREAM)) {
      if (stream.length) throw new WireError(`${stream.length} bytes are left over`);
      return { lists, levels };
    }
    const coder = new RangeReader(stream);
    if (flags & PRIORS) levels = readLevels(coder, this.#generic);
    if (flags & CODED) this.#walk.read(coder, this.#chances, this.#tables, this.#contexts);
    if (flags & LISTS) lists = this.#lists.read(coder, this.#tables);
    if (flags & ANNOUNCEMENT) levels = readLevels(coder, this.#levels);
    coder.end();
    return { lists, levels };
  }

  /** Moves what is here to the snapshot's tick. @param {Head} head */
  #move({ base, flags, steps }) {
    for (const table of this.#tables) {
      if (base === null) table.clear();
      else if (flags & RESYNC) table.coast(steps);
      else table.tick();
    }
  }

  /** Takes in what came and went. @param {import("./snapshot/record.js").Lists} lists */
  #list({ despawned, tables }) {
    tables.forEach(({ removed, slots, rows }, index) => {
      const table = this.#tables[index];
      for (const slot of despawned) table.remove(slot);
      for (const slot of removed) table.remove(slot);
      slots.forEach((slot, row) => table.insert(slot, rows[row]));
    });
  }
}

/**
 * @param {Reader} reader
 * @returns {Head}
 */
function readHead(reader) {
  if (reader.u8() !== checkByte(reader.bytes)) throw new WireError("the check byte is wrong");
  const tick = reader.varint();
  const back = reader.varint();
  if (back && back >= tick) throw new WireError("the base lies before the first tick");
  const flags = reader.u8();
  const resync = (flags & RESYNC) !== 0;
  // A delta has a walk and announces, a resync and a keyframe have priors.
  const others = back && !resync ? PRIORS : CODED | ANNOUNCEMENT;
  if (flags & (~ALL | others) || (!back && resync)) throw new WireError(`unknown flags ${flags}`);
  const hash = flags & HASH ? reader.little(4) : null;
  const steps = resync ? reader.varint() : 0;
  if (resync && (steps < 1 || steps > RESYNC_WINDOW)) throw new WireError(`a resync over ${steps} deltas`);
  return { tick, base: back ? tick - back : null, flags, hash, steps };
}

/** FNV-1a of all but the first byte, folded to a byte. @param {Uint8Array} body */
function checkByte(body) {
  let hash = 0x811c9dc5;
  for (let at = 1; at < body.length; at++) hash = Math.imul(hash ^ body[at], 0x01000193);
  return (hash ^ (hash >>> 8) ^ (hash >>> 16) ^ (hash >>> 24)) & 0xff;
}
