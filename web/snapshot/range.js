/**
 * A binary range coder, the reading end: bytes in, decisions and raw bits out.
 *
 * The state is an interval of 32-bit numbers. A decision that is 1 with probability `one / 4096` splits its range at `(range >> 12) × one`: the
 * lower part means 1. While the range is below 2²⁴ a byte comes in. After the last byte three zeros are taken for granted, no more
 * and no less: a stream that is cut or too long is noticed.
 * @module
 */

import { WireError } from "../bytes.js";
import { digits } from "./bits.js";

/** Below this the range is too small to split well. */
const SMALL = 2 ** 24;
/** Bytes that may be taken for granted after the last. */
const IMPLIED = 3;
/** After so many bits a probability moves as slowly as it ever does. */
const FEW = 8;

/** Reads from bytes and, after them, zeros. */
export class RangeReader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    /** Bytes taken, those after the end included. */
    this.taken = 4;
    /** The number in the interval, from the interval's lower end; an unsigned one. */
    this.code = bytes.subarray(0, 4).reduce((code, byte, at) => code + byte * 2 ** (24 - 8 * at), 0);
    this.range = 2 ** 32 - 1;
  }

  /**
   * A decision, 0 or 1.
   * @param {number} one Its probability of 1, in 1/4096: 1 to 4095.
   */
  bit(one) {
    // Both factors are below 2²⁰ and 2¹², so the product is exact.
    const split = (this.range >>> 12) * one;
    let bit = 0;
    if (this.code < split) {
      bit = 1;
      this.range = split;
    } else {
      this.code -= split;
      this.range -= split;
    }
    if (this.range < SMALL) this.#normalise();
    return bit;
  }

  /** So many bits that are as likely 1 as 0, at most 32, as an unsigned number. @param {number} count */
  raw(count) {
    if (count <= 16) return this.#rawBits(count);
    const high = this.#rawBits(count - 16);
    return high * 65536 + this.#rawBits(16);
  }

  /**
   * A decision by a probability that follows what it sees: quickly at first, then a 32nd of the way with each bit.
   * @param {Int32Array} models
   * @param {number} at Which of the models. One that has seen nothing is 0: its probability lies in the lower 16 bits, from one half,
   *   and how many bits it has seen above them.
   */
  adapt(models, at) {
    const model = models[at];
    const one = (model & 0xffff) ^ 0x8000;
    const seen = model >>> 16;
    const bit = this.bit(Math.min(Math.max(one >>> 4, 1), 4095));
    // 1, 2, 3, 3, 4, 4, 4, 4, then 5: about what the share of the bits seen would say.
    const rate = 1 + digits(seen);
    const next = bit ? one + ((0xffff - one) >>> rate) : one - (one >>> rate);
    models[at] = (Math.min(seen + 1, FEW) << 16) | (next ^ 0x8000);
    return bit;
  }

  /** Bytes that may still be taken; below 0 once the end is overrun, and what was read is then meaningless. */
  get left() {
    return this.bytes.length + IMPLIED - this.taken;
  }

  /**
   * Refuses to go on after the end.
   * @throws {WireError} The bytes have ended.
   */
  check() {
    if (this.left < 0) throw new WireError("the bytes end too soon");
  }

  /**
   * Ends the reading.
   * @throws {WireError} The bytes ended too soon, or some are left over.
   */
  end() {
    this.check();
    if (this.left) throw new WireError(`${this.left} bytes are left over`);
  }

  /** @param {number} count At most 16. */
  #rawBits(count) {
    this.range >>>= count;
    // Bytes that no writer wrote may name a number above the last part.
    const value = Math.min(Math.floor(this.code / this.range), (1 << count) - 1);
    this.code -= this.range * value;
    if (this.range < SMALL) this.#normalise();
    return value;
  }

  #normalise() {
    do {
      this.range *= 256;
      this.code = ((this.code << 8) | (this.taken < this.bytes.length ? this.bytes[this.taken] : 0)) >>> 0;
      this.taken += 1;
    } while (this.range < SMALL);
  }
}
