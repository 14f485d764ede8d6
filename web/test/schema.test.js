/**
 * Values between the game and the wire: ranges, wrapping, names, texts.
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader, WireError, Writer } from "../bytes.js";
import { readRecord, readSchema, writeRecord } from "../schema.js";

/** @typedef {import("../schema.js").Kind} Kind */

const TURN = 2 * Math.PI;
const U32 = /** @type {Kind} */ ({ type: "Int", min: 0, max: 2 ** 32 - 1 });
const FIXED = /** @type {Kind} */ ({ type: "Fixed", min: -10, max: 1024, step: 1 / 16 });
const ANGLE = /** @type {Kind} */ ({ type: "Angle", bits: 10 });
const ENUM = /** @type {Kind} */ ({ type: "Enum", variants: ["Flying", "Boosting", "Wrecked"] });

/** @param {string} name @param {Kind} kind @param {import("../schema.js").Predict} [predict] */
function field(name, kind, predict = "auto") {
  return { name, kind, opaque: kind.type === "Text" || kind.type === "Bytes", predict };
}

/** @param {Kind} kind */
function shape(kind) {
  return { name: "Input", fields: [field("value", kind)] };
}

/** The number on the wire. @param {Kind} kind @param {unknown} value */
function wire(kind, value) {
  return new Reader(writeRecord(shape(kind), { value })).zigzag();
}

/** What the other end has of it. @param {Kind} kind @param {unknown} value */
function back(kind, value) {
  return readRecord(shape(kind), writeRecord(shape(kind), { value })).value;
}

/** @param {Kind} kind @param {(out: Writer) => void} write @param {RegExp} message */
function refused(kind, write, message) {
  const out = new Writer();
  write(out);
  assert.throws(() => readRecord(shape(kind), out.done()), (error) => error instanceof WireError && message.test(error.message));
}

test("integers are clamped to their range", () => {
  const kind = /** @type {Kind} */ ({ type: "Int", min: -1, max: 100 });
  const values = [-Infinity, -2, -1, 0, 99.9, 100, 101, Infinity];
  assert.deepEqual(values.map((value) => back(kind, value)), [-1, -1, -1, 0, 99, 100, 100, 100]);
});

test("what is not a number is the value nearest to 0", () => {
  for (const value of [NaN, undefined, null, "text"]) {
    assert.equal(back({ type: "Int", min: -5, max: 5 }, value), 0);
    assert.equal(back({ type: "Int", min: 3, max: 5 }, value), 3);
    assert.equal(back({ type: "Int", min: -5, max: -3 }, value), -3);
    assert.equal(back({ type: "Fixed", min: 2, max: 4, step: 0.5 }, value), 2);
    assert.equal(back(ANGLE, value), 0);
  }
});

test("integers of 32 bits without a sign are carried beyond 2³¹", () => {
  for (const value of [0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) assert.equal(back(U32, value), value);
  assert.equal(wire(U32, 2 ** 32 - 1), -1);
  assert.equal(back(U32, 2 ** 32), 2 ** 32 - 1);
  assert.equal(back(U32, -1), 0);
});

test("real numbers are rounded to their step, half away from zero", () => {
  assert.deepEqual([3.03, 1 / 32, -1 / 32, 0.03].map((value) => wire(FIXED, value)), [48, 1, -1, 0]);
  assert.equal(back(FIXED, 3.03), 3);
});

test("real numbers are clamped to their range", () => {
  assert.deepEqual([-Infinity, -11, -10, 1024, 1025, Infinity].map((value) => back(FIXED, value)), [-10, -10, -10, 1024, 1024, 1024]);
});

test("angles wrap", () => {
  assert.deepEqual([0, TURN / 4, TURN, 1.25 * TURN, -TURN / 4, -3 * TURN].map((value) => wire(ANGLE, value)), [0, 256, 0, 256, 768, 0]);
  assert.equal(wire(ANGLE, TURN - 0.001), 0);
  assert.equal(back(ANGLE, -TURN / 4), 0.75 * TURN);
});

test("an angle without an end is 0", () => {
  assert.equal(wire(ANGLE, Infinity), 0);
  assert.equal(wire(ANGLE, -Infinity), 0);
});

test("variants go by their names, the first one by default", () => {
  assert.equal(wire(ENUM, "Wrecked"), 2);
  assert.equal(back(ENUM, "Boosting"), "Boosting");
  assert.equal(back(ENUM, undefined), "Flying");
});

test("a variant that is none is the caller's mistake", () => {
  assert.throws(() => writeRecord(shape(ENUM), { value: "Sleeping" }), /Sleeping is none of Flying, Boosting, Wrecked/);
});

test("booleans are 0 or 1", () => {
  const kind = /** @type {Kind} */ ({ type: "Bool" });
  assert.deepEqual([true, false, undefined].map((value) => wire(kind, value)), [1, 0, 0]);
  assert.deepEqual([true, false].map((value) => back(kind, value)), [true, false]);
});

test("text is cut at a character's boundary", () => {
  const kind = /** @type {Kind} */ ({ type: "Text", max: 5 });
  assert.deepEqual(["", "short", "toolong", "aä€", "🚀🚀"].map((text) => back(kind, text)), ["", "short", "toolo", "aä", "🚀"]);
  assert.equal(back(kind, undefined), "");
});

test("bytes are cut at their limit", () => {
  const kind = /** @type {Kind} */ ({ type: "Bytes", max: 2 });
  assert.deepEqual(back(kind, Uint8Array.of(1, 2, 3)), Uint8Array.of(1, 2));
  assert.deepEqual(back(kind, undefined), Uint8Array.of());
});

test("a number out of its range is refused by its name", () => {
  refused({ type: "Bool" }, (out) => out.zigzag(2), /Input\.value: 2 is not in 0\.\.=1/);
  refused({ type: "Int", min: 1, max: 3 }, (out) => out.zigzag(0), /Input\.value: 0 is not in 1\.\.=3/);
  refused({ type: "Int", min: 0, max: 2 ** 31 }, (out) => out.zigzag(-1), /4294967295 is not in/);
  refused(FIXED, (out) => out.zigzag(-161), /-161 is not in -160\.\.=16384/);
  refused(ANGLE, (out) => out.zigzag(1024), /1024 is not in 0\.\.=1023/);
  refused(ENUM, (out) => out.zigzag(3), /3 is not in 0\.\.=2/);
});

test("an opaque field over its limit is refused by its name", () => {
  refused({ type: "Text", max: 2 }, (out) => out.opaque(Uint8Array.of(97, 97, 97)), /Input\.value: 3 is not in 0\.\.=2/);
  refused({ type: "Bytes", max: 2 }, (out) => out.opaque(Uint8Array.of(1, 2, 3)), /Input\.value: 3 is not in 0\.\.=2/);
});

test("a record must end exactly", () => {
  refused(U32, () => {}, /end too soon/);
  refused(U32, (out) => out.put(Uint8Array.of(0, 0)), /left over/);
});

test("a record's fields come in the shape's order", () => {
  const pair = { name: "Pair", fields: [...shape(U32).fields, field("state", ENUM)] };
  assert.deepEqual([...writeRecord(pair, { state: "Boosting", value: 3 })], [6, 2]);
  assert.deepEqual(readRecord(pair, Uint8Array.of(6, 2)), { value: 3, state: "Boosting" });
});

/** A text as the schema holds it. @param {string} text */
const text = (text) => [text.length, ...new TextEncoder().encode(text)];
/** @param {number} value */
const f64 = (value) => [...new Uint8Array(Float64Array.of(value).buffer)];

test("a schema is read with every kind", () => {
  const bytes = [
    ...[1, ...text("Seat"), 2],
    ...[...text("seat"), 1, 1, 4, 1],
    ...[...text("sequence"), 1, 0, 253, 0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0, 2],
    ...[...text("Input"), 4],
    ...[...text("fire"), 0, 1],
    ...[...text("x"), 2, ...f64(-1), ...f64(1), ...f64(0.25), 0],
    ...[...text("aim"), 3, 10, 0],
    ...[...text("kind"), 4, 2, ...text("A"), ...text("B"), 0],
    ...[1, ...text("Said"), 2],
    ...[...text("text"), 5, 24, 0],
    ...[...text("data"), 6, 251, 0, 1, 0],
    ...[1, ...text("Wave"), 0],
    ...[1, ...text("Ask"), 1, ...text("loud"), 0, 0, ...text("Told"), 1, ...text("text"), 5, 24, 0],
  ];
  const reader = new Reader(Uint8Array.from(bytes));
  assert.deepEqual(readSchema(reader), {
    components: [
      {
        name: "Seat",
        fields: [
          field("seat", { type: "Int", min: -1, max: 2 }, "hold"),
          field("sequence", U32, "velocity"),
        ],
      },
    ],
    input: {
      name: "Input",
      fields: [
        field("fire", { type: "Bool" }, "hold"),
        field("x", { type: "Fixed", min: -1, max: 1, step: 0.25 }),
        field("aim", ANGLE),
        field("kind", { type: "Enum", variants: ["A", "B"] }),
      ],
    },
    events: [
      {
        name: "Said",
        fields: [
          field("text", { type: "Text", max: 24 }),
          field("data", { type: "Bytes", max: 256 }),
        ],
      },
    ],
    messages: [{ name: "Wave", fields: [] }],
    requests: [
      {
        request: { name: "Ask", fields: [field("loud", { type: "Bool" })] },
        reply: { name: "Told", fields: [field("text", { type: "Text", max: 24 })] },
      },
    ],
  });
  reader.end();
});

test("a schema of an unknown kind is refused", () => {
  const reader = new Reader(Uint8Array.from([0, ...text("Input"), 1, ...text("x"), 7, 0, 0]));
  assert.throws(() => readSchema(reader), /kind 7 is not known/);
});

test("a schema with a prediction that is not known is refused", () => {
  const reader = new Reader(Uint8Array.from([0, ...text("Input"), 1, ...text("x"), 0, 3, 0]));
  assert.throws(() => readSchema(reader), /prediction 3 is not known/);
});

test("a shape of more than 32 fields is refused", () => {
  const fields = (/** @type {number} */ count) => Array.from({ length: count }, () => [...text("x"), 0, 0]).flat();
  const schema = (/** @type {number} */ count) => new Reader(Uint8Array.from([0, ...text("Input"), count, ...fields(count), 0, 0, 0]));
  assert.equal(readSchema(schema(32)).input.fields.length, 32);
  assert.throws(() => readSchema(schema(33)), /`Input` has more than 32 fields/);
});

/** A schema whose input has one field of this kind. @param {number[]} kind */
const ofKind = (kind) => readSchema(new Reader(Uint8Array.from([0, ...text("Input"), 1, ...text("x"), ...kind, 0, 0, 0, 0])));

test("kinds that make no sense are refused by their field's name", () => {
  const senseless = {
    "a range the wrong way round": [1, 4, 2],
    "an integer that fits neither i32 nor u32": [1, 1, 253, 0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0],
    "an integer above u32": [1, 0, 253, 0, 0, 0, 0, 2, 0, 0, 0],
    "more steps than 32 bits": [2, ...f64(0), ...f64(1e12), ...f64(1e-3)],
    "no step": [2, ...f64(0), ...f64(1), ...f64(0)],
    "a step that is not a number": [2, ...f64(0), ...f64(1), ...f64(NaN)],
    "an end that is not a number": [2, ...f64(0), ...f64(NaN), ...f64(1)],
    "no end": [2, ...f64(0), ...f64(Infinity), ...f64(1)],
    "a real range the wrong way round": [2, ...f64(0), ...f64(-1), ...f64(1)],
    "an angle without bits": [3, 0],
    "an angle of too many bits": [3, 17],
    "no variants": [4, 0],
    "too many variants": [4, 251, 1, 1, ...Array.from({ length: 257 }, () => text("A")).flat()],
  };
  for (const [what, kind] of Object.entries(senseless)) {
    const named = (/** @type {unknown} */ error) => error instanceof WireError && error.message === "the kind of `Input.x` makes no sense";
    assert.throws(() => ofKind(kind), named, what);
  }
});

test("kinds at the edge of sense are taken", () => {
  ofKind([1, 0, 253, 0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
  ofKind([1, 252, 0xff, 0xff, 0xff, 0xff, 252, 0xfe, 0xff, 0xff, 0xff]);
  ofKind([3, 1]);
  ofKind([3, 16]);
  ofKind([4, 251, 0, 1, ...Array.from({ length: 256 }, () => text("A")).flat()]);
});

test("a name that is there twice is refused", () => {
  const empty = (/** @type {string} */ name) => [...text(name), 0];
  const list = (/** @type {string[]} */ names) => [names.length, ...names.flatMap(empty)];
  const exchanges = (/** @type {string[]} */ names) => [names.length, ...names.flatMap((name) => [...empty(name), ...empty("Reply")])];
  /** @param {{ components?: string[], events?: string[], messages?: string[], requests?: string[] }} names */
  const schema = ({ components = [], events = [], messages = [], requests = [] }) =>
    readSchema(new Reader(Uint8Array.from([list(components), empty("Input"), list(events), list(messages), exchanges(requests)].flat())));
  const once = ["Same", "Other"];
  const { messages, requests } = schema({ components: once, events: once, messages: once, requests: once });
  assert.deepEqual(messages.map(({ name }) => name), once);
  assert.deepEqual(requests.map(({ request, reply }) => [request.name, reply.name]), [["Same", "Reply"], ["Other", "Reply"]]);
  for (const list of ["components", "events", "messages", "requests"]) {
    assert.throws(() => schema({ [list]: ["Same", "Other", "Same"] }), /`Same` is there twice/, list);
  }
});
