/**
 * Sets of slots, one bit each in an Int32Array, the lowest slot lowest.
 * @module
 */

/** Slots of a word. */
export const WORD = 32;

/** @param {Int32Array} words @param {number} slot */
export function has(words, slot) {
  return slot >>> 5 < words.length && ((words[slot >>> 5] >>> (slot & 31)) & 1) === 1;
}

/** Adds a slot below the set's end, or takes it out. @param {Int32Array} words @param {number} slot @param {boolean} there */
export function put(words, slot, there) {
  const bit = 1 << (slot & 31);
  if (there) words[slot >>> 5] |= bit;
  else words[slot >>> 5] &= ~bit;
}

/** How many slots a word holds. @param {number} word */
export function count(word) {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The place of a word's lowest bit, which is there. @param {number} word */
export function lowest(word) {
  return 31 - Math.clz32(word & -word);
}

/** Binary digits of a number below 2³², none for 0. @param {number} value */
export function digits(value) {
  return 32 - Math.clz32(value);
}
