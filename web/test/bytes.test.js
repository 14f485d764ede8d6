/**
 * The integers, texts and lists that the wire is made of.
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Reader, WireError, Writer, writeText } from "../bytes.js";

/** @param {(writer: Writer) => void} write */
function written(write) {
  const writer = new Writer();
  write(writer);
  return writer.done();
}

/** @param {number[]} bytes */
function reader(...bytes) {
  return new Reader(Uint8Array.from(bytes));
}

/** @param {() => unknown} read @param {RegExp} message */
function refused(read, message) {
  assert.throws(read, (error) => error instanceof WireError && message.test(error.message));
}

const VARINTS = /** @type {[number, number[]][]} */ ([
  [0, [0]],
  [127, [0x7f]],
  [128, [0x80, 0x01]],
  [16_383, [0xff, 0x7f]],
  [2 ** 28 - 1, [0xff, 0xff, 0xff, 0x7f]],
  [2 ** 31, [0x80, 0x80, 0x80, 0x80, 0x08]],
  [2 ** 32 - 1, [0xff, 0xff, 0xff, 0xff, 0x0f]],
]);

for (const [value, bytes] of VARINTS) {
  test(`${value} is a varint of ${bytes.length} bytes`, () => {
    assert.deepEqual([...written((out) => out.varint(value))], bytes);
    const back = reader(...bytes);
    assert.equal(back.varint(), value);
    back.end();
  });
}

test("a varint of more than 32 bits is refused", () => {
  refused(() => reader(0xff, 0xff, 0xff, 0xff, 0x10).varint(), /longer than 32 bits/);
  refused(() => reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x00).varint(), /longer than 32 bits/);
});

test("a varint that ends too soon is refused", () => {
  for (const bytes of [[], [0x80], [0xff, 0xff, 0xff, 0xff]]) refused(() => reader(...bytes).varint(), /end too soon/);
});

const ZIGZAGS = /** @type {[number, number][]} */ ([
  [0, 0],
  [-1, 1],
  [1, 2],
  [-64, 127],
  [2 ** 31 - 1, 2 ** 32 - 2],
  [-(2 ** 31), 2 ** 32 - 1],
]);

for (const [value, folded] of ZIGZAGS) {
  test(`${value} is folded to ${folded}`, () => {
    const bytes = written((out) => out.zigzag(value));
    assert.equal(new Reader(bytes).varint(), folded);
    assert.equal(new Reader(bytes).zigzag(), value);
  });
}

const UNSIGNED = /** @type {[number, number[]][]} */ ([
  [0, [0]],
  [250, [250]],
  [251, [251, 251, 0]],
  [65_535, [251, 0xff, 0xff]],
  [65_536, [252, 0, 0, 1, 0]],
  [2 ** 32 - 1, [252, 0xff, 0xff, 0xff, 0xff]],
]);

for (const [value, bytes] of UNSIGNED) {
  test(`${value} is a bincode integer of ${bytes.length} bytes`, () => {
    assert.deepEqual([...written((out) => out.unsigned(value))], bytes);
    assert.equal(reader(...bytes).unsigned(), value);
  });
}

test("bincode's 64 bit integers are read", () => {
  assert.equal(reader(253, 0, 0, 0, 0, 0, 1, 0, 0).unsigned(), 2 ** 40);
  assert.equal(reader(253, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0).signed(), -(2 ** 32));
});

test("bincode's signed integers are folded", () => {
  assert.deepEqual([0, 1, 2, 249, 250].map((byte) => reader(byte).signed()), [0, -1, 1, -125, 125]);
  assert.equal(reader(252, 0xfe, 0xff, 0xff, 0xff).signed(), 2 ** 31 - 1);
});

test("a bincode integer of an unknown width is refused", () => {
  for (const marker of [254, 255]) refused(() => reader(marker, 0, 0, 0, 0, 0, 0, 0, 0).unsigned(), /too long/);
});

test("a bincode integer that ends too soon is refused", () => {
  refused(() => reader(251, 1).unsigned(), /end too soon/);
  refused(() => reader(253, 1, 2, 3, 4, 5, 6, 7).unsigned(), /end too soon/);
});

test("real numbers are read at any offset", () => {
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setFloat64(1, -0.1, true);
  const numbers = new Reader(bytes);
  numbers.u8();
  assert.equal(numbers.f64(), -0.1);
});

test("texts go there and back, with a byte order mark too", () => {
  for (const text of ["", "ada", "ä€🚀", "\ufeffmark"]) {
    assert.equal(new Reader(written((out) => out.string(text))).string(), text);
  }
});

test("text that is not UTF-8 is refused", () => {
  refused(() => reader(2, 0xc3, 0x28).string(), /not UTF-8/);
});

test("text longer than its bytes is refused", () => {
  refused(() => reader(3, 0x61, 0x62).string(), /end too soon/);
  refused(() => reader(253, 0, 0, 0, 0, 0, 0, 0, 1).string(), /end too soon/);
});

test("text is cut at a character's boundary", () => {
  const cuts = [0, 1, 2, 4, 5, 8, 9, 10].map((most) => new TextDecoder().decode(writeText("aä€🚀", most)));
  assert.deepEqual(cuts, ["", "a", "a", "aä", "aä", "aä€", "aä€", "aä€🚀"]);
});

test("a list is never longer than its bytes", () => {
  const list = reader(2, 7, 8);
  assert.deepEqual(list.list(() => list.u8()), [7, 8]);
  const huge = reader(252, 0xff, 0xff, 0xff, 0xff, 1);
  refused(() => huge.list(() => huge.u8()), /longer than its bytes/);
});

test("an option is there or not", () => {
  const there = reader(1, 9);
  assert.equal(there.option(() => there.u8()), 9);
  assert.equal(reader(0).option(() => assert.fail()), null);
  refused(() => reader(2, 9).option(() => 0), /neither there nor not/);
});

test("bytes that are left over are refused", () => {
  const two = reader(1, 2);
  refused(() => two.end(), /2 bytes are left over/);
  two.take(2);
  two.end();
});

test("a writer grows with what is put in", () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index);
  const out = written((out) => {
    out.u8(1);
    out.opaque(bytes);
    for (const byte of bytes) out.u8(byte);
  });
  assert.deepEqual([...out], [1, 0xe8, 0x07, ...bytes, ...bytes]);
});
