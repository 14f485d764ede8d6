/**
 * What is foreseen of a field, and how far off it is: the same series as in Rust, with the same residuals.
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LEAN, PREDICTOR, Rule, coast, moved, settle, sound, update, way, whole } from "../snapshot/predict.js";

/** @typedef {import("../schema.js").Predict} Predict */

const MIN = -(2 ** 31);
const MAX = 2 ** 31 - 1;

/** @param {Predict} [predict] @param {number} [bits] Of an angle; 0 for an integer. */
function rule(predict = "auto", bits = 0) {
  const kind = bits ? { type: /** @type {const} */ ("Angle"), bits } : { type: /** @type {const} */ ("Int"), min: MIN, max: MAX };
  return new Rule({ name: "value", kind, opaque: false, predict });
}

/** A predictor without a past. @param {Rule} rule */
function predictor(rule) {
  const predictor = new Int32Array(PREDICTOR);
  predictor[LEAN] = rule.firstLean;
  return predictor;
}

/** How far off the guesses at a series of values are. @param {Rule} rule @param {number[]} values */
function residuals(rule, [value, ...values]) {
  const past = predictor(rule);
  return values.map((next) => {
    const residual = ((next - moved(rule, value, whole(way(past, 0)))) << rule.spare) >> rule.spare;
    update(past, 0, rule, value, next);
    assert.ok(sound(past, 0));
    value = next;
    return residual;
  });
}

/** @param {number} length @param {(tick: number) => number} value */
const series = (length, value) => Array.from({ length }, (_, tick) => value(tick));

test("a steady course is foreseen", () => {
  assert.deepEqual(residuals(rule(), series(40, (tick) => tick * 12)).slice(3), series(36, () => 0));
  const rounded = residuals(rule(), series(100, (tick) => Math.trunc(tick * 12.3))).slice(3);
  assert.ok(rounded.every((residual) => Math.abs(residual) <= 1));
});

test("a jump leaves no velocity", () => {
  assert.deepEqual(residuals(rule(), [0, 0, MAX, MAX, MIN, MIN, 7, 7]), [0, MAX, 0, 1, 0, MIN + 7, 0]);
});

test("an angle goes the shorter way round", () => {
  assert.equal(moved(rule("auto", 10), 1020, 8), 4);
  assert.deepEqual(residuals(rule("auto", 10), series(200, (tick) => (tick * 30) & 1023)).slice(3), series(196, () => 0));
  assert.deepEqual(residuals(rule("hold", 10), [1020, 4, 1020]), [8, -8]);
});

test("the schema may name the guess", () => {
  const ramp = series(50, (tick) => tick * 3);
  assert.deepEqual(residuals(rule("hold"), ramp), series(49, () => 3));
  assert.deepEqual(residuals(rule("velocity"), ramp).slice(2), series(47, () => 0));
});

test("coasting many steps at once is coasting as often", () => {
  for (const [bits, by] of [[0, 7.3], [0, -123456.7], [0, 3e7], [10, 30.6], [1, 0.5]]) {
    const course = rule("velocity", bits);
    const past = predictor(course);
    let value = 0;
    for (let tick = 1; tick < 20; tick++) {
      const next = moved(course, Math.trunc(tick * by), 0);
      update(past, 0, course, value, next);
      value = next;
    }
    settle(past, 0, course, value, value);
    const atOnce = past.slice();
    let there = value;
    for (let step = 0; step < 300; step++) {
      const foreseen = moved(course, there, whole(way(past, 0)));
      there = coast(past, 0, course, there, 1);
      assert.equal(there, foreseen);
    }
    assert.equal(coast(atOnce, 0, course, value, 300), there);
    assert.deepEqual(atOnce, past);
  }
});
