/**
 * Whole numbers as decisions that adapt within one snapshot: what records and announcements are made of.
 *
 * The models of a number, or of a tree, lie in an Int32Array from some place on; where nothing was seen yet they are 0.
 * @module
 */

/** @typedef {import("./range.js").RangeReader} RangeReader */

/** Models of a number: is it 0, is it negative, has it more than k + 1 digits (31), and the two digits after the first, by how many follow. */
export const NUMBER = 129;
const ZERO = 0;
const NEGATIVE = 1;
const LONGER = 2;
const LEADING = 33;

/**
 * A number, of which most are near 0.
 * @param {RangeReader} coder
 * @param {Int32Array} models
 * @param {number} at
 */
export function signed(coder, models, at) {
  if (coder.adapt(models, at + ZERO)) return 0;
  const negative = coder.adapt(models, at + NEGATIVE);
  const number = size(coder, models, at);
  return negative ? -number | 0 : number | 0;
}

/**
 * A number that is never negative.
 * @param {RangeReader} coder
 * @param {Int32Array} models
 * @param {number} at
 */
export function unsigned(coder, models, at) {
  return coder.adapt(models, at + ZERO) ? 0 : size(coder, models, at);
}

/**
 * A number above 0.
 * @param {RangeReader} coder
 * @param {Int32Array} models
 * @param {number} at
 */
function size(coder, models, at) {
  let after = 0;
  while (after < 31 && coder.adapt(models, at + LONGER + after)) after += 1;
  const leading = at + LEADING + after * 3;
  let number = 1;
  if (after > 0) number = 2 | coder.adapt(models, leading);
  if (after > 1) number = (number << 1) | coder.adapt(models, leading + 1 + (number & 1));
  const rest = Math.max(after - 2, 0);
  return number * 2 ** rest + coder.raw(rest);
}

/**
 * A number of so many binary digits, the highest first. Its models are 2 to that power.
 * @param {RangeReader} coder
 * @param {Int32Array} models
 * @param {number} at
 * @param {number} places
 */
export function tree(coder, models, at, places) {
  let node = 1;
  for (let place = 0; place < places; place++) node = (node << 1) | coder.adapt(models, at + node);
  return node - (1 << places);
}
