/**
 * A room's schema, and values between the wire and the game: quantised integers to numbers, booleans, names and back.
 * @module
 */

import { Reader, WireError, Writer, readText, writeText } from "./bytes.js";

/**
 * @typedef {{ type: "Bool" } | { type: "Int", min: number, max: number }
 *   | { type: "Fixed", min: number, max: number, step: number } | { type: "Angle", bits: number }
 *   | { type: "Enum", variants: string[] } | { type: "Text", max: number } | { type: "Bytes", max: number }} Kind
 * @typedef {"auto" | "hold" | "velocity"} Predict How a field's next value is guessed.
 * @typedef {{ name: string, kind: Kind, opaque: boolean, predict: Predict }} Field
 * @typedef {{ name: string, fields: Field[] }} Shape
 * @typedef {{ request: Shape, reply: Shape }} Exchange What a player asks of the game, and what comes back.
 * @typedef {{ components: Shape[], input: Shape, events: Shape[], messages: Shape[], requests: Exchange[] }} Schema
 * @typedef {number | boolean | string | Uint8Array} Value
 */

export const MAX_FIELDS = 32;
/** Components, and events, messages and requests, of a schema. */
const MAX_SHAPES = 256;
const MAX_VARIANTS = 256;
/** @type {Predict[]} By their number on the wire. */
const PREDICTS = ["auto", "hold", "velocity"];
const TAU = 2 * Math.PI;

/**
 * Reads a schema as the welcome holds it.
 * @param {Reader} reader
 * @returns {Schema}
 * @throws {WireError} It is malformed, or something of it, which is named, makes no sense.
 */
export function readSchema(reader) {
  const shape = () => readShape(reader);
  const exchange = () => ({ request: shape(), reply: shape() });
  const [components, input, events, messages] = [reader.list(shape), shape(), reader.list(shape), reader.list(shape)];
  const requests = reader.list(exchange);
  for (const list of [components, events, messages, requests.map(({ request }) => request)]) {
    if (list.length > MAX_SHAPES) throw new WireError(`${list.length} components, events, messages or requests are more than ${MAX_SHAPES}`);
    const names = new Set();
    for (const { name } of list) {
      if (names.has(name)) throw new WireError(`\`${name}\` is there twice`);
      names.add(name);
    }
  }
  return { components, input, events, messages, requests };
}

/**
 * @param {Reader} reader
 * @returns {Shape}
 */
function readShape(reader) {
  const name = reader.string();
  const fields = reader.list(() => {
    const field = reader.string();
    const kind = readKind(reader);
    if (!sensible(kind)) throw new WireError(`the kind of \`${name}.${field}\` makes no sense`);
    const hint = reader.unsigned();
    const predict = PREDICTS[hint];
    if (!predict) throw new WireError(`prediction ${hint} is not known`);
    return { name: field, kind, opaque: kind.type === "Text" || kind.type === "Bytes", predict };
  });
  if (fields.length > MAX_FIELDS) throw new WireError(`\`${name}\` has more than ${MAX_FIELDS} fields`);
  return { name, fields };
}

/** Whether a range, step or bits make sense, and fit 32 bits. @param {Kind} kind */
function sensible(kind) {
  if (kind.type === "Fixed" && !(kind.step > 0 && Number.isFinite(kind.min) && Number.isFinite(kind.max))) return false;
  if (kind.type === "Angle") return kind.bits >= 1 && kind.bits <= 16;
  if (kind.type === "Enum") return kind.variants.length >= 1 && kind.variants.length <= MAX_VARIANTS;
  const [min, max] = bounds(kind);
  return min <= max && ((min >= -(2 ** 31) && max < 2 ** 31) || (min >= 0 && max < 2 ** 32));
}

/**
 * @param {Reader} reader
 * @returns {Kind}
 */
function readKind(reader) {
  const variant = reader.unsigned();
  switch (variant) {
    case 0:
      return { type: "Bool" };
    case 1:
      return { type: "Int", min: reader.signed(), max: reader.signed() };
    case 2:
      return { type: "Fixed", min: reader.f64(), max: reader.f64(), step: reader.f64() };
    case 3:
      return { type: "Angle", bits: reader.u8() };
    case 4:
      return { type: "Enum", variants: reader.list(() => reader.string()) };
    case 5:
      return { type: "Text", max: reader.unsigned() };
    case 6:
      return { type: "Bytes", max: reader.unsigned() };
    default:
      throw new WireError(`kind ${variant} is not known`);
  }
}

/**
 * The game's value of a number on the wire.
 * @param {Kind} kind
 * @param {number} value
 * @returns {Value}
 */
export function fromWire(kind, value) {
  switch (kind.type) {
    case "Bool":
      return value !== 0;
    case "Int":
      return widen(kind, value);
    case "Fixed":
      return value * kind.step;
    case "Angle":
      return (value * TAU) / 2 ** kind.bits;
    case "Enum":
      return kind.variants[value] ?? "";
    default:
      throw new TypeError(`${kind.type} is not a number`);
  }
}

/**
 * The integer that 32 bits stand for.
 * @param {Kind} kind
 * @param {number} value
 */
function widen(kind, value) {
  return kind.type === "Int" && kind.max > 0x7fffffff ? value >>> 0 : value;
}

/**
 * The game's value of an opaque field.
 * @param {Kind} kind
 * @param {Uint8Array} bytes
 * @returns {Value}
 */
export function fromOpaque(kind, bytes) {
  return kind.type === "Text" ? readText(bytes) : bytes.slice();
}

/**
 * The number on the wire: clamped to the field's range, NaN as the value nearest to 0.
 * @param {Kind} kind
 * @param {unknown} value
 */
function toWire(kind, value) {
  switch (kind.type) {
    case "Bool":
      return value ? 1 : 0;
    case "Int":
      return clamp(Math.trunc(number(value)), bounds(kind)) | 0;
    case "Fixed":
      return clamp(round(number(value) / kind.step), bounds(kind));
    case "Angle": {
      const turn = 2 ** kind.bits;
      const turns = number(value) * (turn / TAU);
      // What is infinite wraps to NaN, which has no bits.
      return Math.round(turns - Math.floor(turns / turn) * turn) & (turn - 1);
    }
    case "Enum": {
      const index = kind.variants.indexOf(String(value));
      if (index < 0) throw new RangeError(`${value} is none of ${kind.variants.join(", ")}`);
      return index;
    }
    default:
      throw new TypeError(`${kind.type} is not a number`);
  }
}

/** @param {unknown} value */
function number(value) {
  const number = Number(value ?? 0);
  return Number.isNaN(number) ? 0 : number;
}

/** Half away from zero. @param {number} value */
function round(value) {
  return Math.sign(value) * Math.round(Math.abs(value));
}

/**
 * @param {number} value
 * @param {[number, number]} bounds
 */
function clamp(value, [min, max]) {
  return Math.min(Math.max(value, min), max);
}

/**
 * The least and the greatest number on the wire, a u32's as itself; bytes, of an opaque field.
 * @param {Kind} kind
 * @returns {[number, number]}
 */
function bounds(kind) {
  switch (kind.type) {
    case "Bool":
      return [0, 1];
    case "Int":
      return [kind.min, kind.max];
    case "Fixed":
      return [round(kind.min / kind.step), round(kind.max / kind.step)];
    case "Angle":
      return [0, 2 ** kind.bits - 1];
    case "Enum":
      return [0, kind.variants.length - 1];
    default:
      return [0, kind.max];
  }
}

/**
 * An input, message or request as bytes. Fields that the object lacks are 0, false, empty or the first variant.
 * @param {Shape} shape
 * @param {Record<string, unknown>} object
 */
export function writeRecord(shape, object) {
  const writer = new Writer();
  for (const { name, kind } of shape.fields) {
    const value = object[name];
    if (kind.type === "Text") writer.opaque(writeText(String(value ?? ""), kind.max));
    else if (kind.type === "Bytes") writer.opaque(/** @type {Uint8Array} */ (value ?? new Uint8Array()).subarray(0, kind.max));
    else writer.zigzag(toWire(kind, value ?? (kind.type === "Enum" ? kind.variants[0] : 0)));
  }
  return writer.done();
}

/**
 * An event or reply from bytes, which must end exactly.
 * @param {Shape} shape
 * @param {Uint8Array} bytes
 * @returns {Record<string, Value>}
 * @throws {WireError} It is malformed, or a field, which is named, is out of its range.
 */
export function readRecord(shape, bytes) {
  const reader = new Reader(bytes);
  /** @type {Record<string, Value>} */
  const object = {};
  for (const { name, kind, opaque } of shape.fields) {
    const value = opaque ? reader.opaque() : reader.zigzag();
    const size = typeof value === "number" ? widen(kind, value) : value.length;
    const [min, max] = bounds(kind);
    if (size < min || size > max) throw new WireError(`${shape.name}.${name}: ${size} is not in ${min}..=${max}`);
    object[name] = typeof value === "number" ? fromWire(kind, value) : fromOpaque(kind, value);
  }
  reader.end();
  return object;
}

/**
 * What has this name in the schema, and its place there.
 * @template T
 * @param {string} what
 * @param {T[]} list
 * @param {string} name
 * @param {(item: T) => Shape} shape
 */
export function named(what, list, name, shape) {
  const index = list.findIndex((item) => shape(item).name === name);
  if (index < 0) throw new RangeError(`${what} \`${name}\` is not in the schema`);
  return { index, found: list[index] };
}

/**
 * What has this place in the schema.
 * @template T
 * @param {string} what
 * @param {T[]} list
 * @param {number} index
 */
export function at(what, list, index) {
  const found = list[index];
  if (!found) throw new WireError(`${what} ${index} is not in the schema`);
  return found;
}
