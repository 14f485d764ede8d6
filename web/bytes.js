/**
 * Bytes in, bytes out: bounded reading and writing of the integers that the wire is made of.
 * @module
 */

/** The bytes are not what they should be: the peer's fault, never a bug. */
export class WireError extends Error {
  name = "WireError";
}

// A byte order mark is a character like any other.
const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf8 = new TextEncoder();

/** Reads a byte array from its front and never past its end. */
export class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get left() {
    return this.bytes.length - this.at;
  }

  u8() {
    if (this.at >= this.bytes.length) throw new WireError("the bytes end too soon");
    return this.bytes[this.at++];
  }

  /**
   * The next bytes; a view, not a copy.
   * @param {number} length
   */
  take(length) {
    if (length > this.left) throw new WireError("the bytes end too soon");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** An unsigned LEB128 of at most 32 bits. */
  varint() {
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.u8();
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new WireError("an integer is longer than 32 bits");
  }

  /** A zigzagged i32. */
  zigzag() {
    const folded = this.varint();
    return (folded >>> 1) ^ -(folded & 1);
  }

  opaque() {
    return this.take(this.varint());
  }

  /** Little endian, as fixed-width numbers and bincode's marked ones are. @param {number} length */
  little(length) {
    let value = 0;
    let unit = 1;
    for (const byte of this.take(length)) {
      value += byte * unit;
      unit *= 256;
    }
    return value;
  }

  /** Bincode's unsigned integer. Above 2⁵³ only a hash is ever sent, which nobody calculates with. */
  unsigned() {
    const first = this.u8();
    if (first < 251) return first;
    if (first > 253) throw new WireError("an integer is too long");
    return this.little(2 ** (first - 250));
  }

  /** Bincode's signed integer. */
  signed() {
    const folded = this.unsigned();
    return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
  }

  f64() {
    const bytes = this.take(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }

  bool() {
    const byte = this.u8();
    if (byte > 1) throw new WireError("a boolean is neither true nor false");
    return byte === 1;
  }

  string() {
    return readText(this.take(this.unsigned()));
  }

  /**
   * @template T
   * @param {() => T} item
   * @returns {T[]}
   */
  list(item) {
    const length = this.unsigned();
    // Every item takes a byte at least: no list is longer than what is left.
    if (length > this.left) throw new WireError("a list is longer than its bytes");
    return Array.from({ length }, item);
  }

  /**
   * @template T
   * @param {() => T} value
   * @returns {T | null}
   */
  option(value) {
    const some = this.u8();
    if (some > 1) throw new WireError("an option is neither there nor not");
    return some ? value() : null;
  }

  end() {
    if (this.left) throw new WireError(`${this.left} bytes are left over`);
  }
}

/** Collects bytes. */
export class Writer {
  constructor() {
    this.bytes = new Uint8Array(64);
    this.length = 0;
  }

  /** @param {number} byte */
  u8(byte) {
    this.#room(1);
    this.bytes[this.length++] = byte;
  }

  /** @param {Uint8Array} bytes */
  put(bytes) {
    this.#room(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** @param {number} value */
  varint(value) {
    value >>>= 0;
    for (; value >= 0x80; value >>>= 7) this.u8((value & 0x7f) | 0x80);
    this.u8(value);
  }

  /** @param {number} value */
  zigzag(value) {
    this.varint((value << 1) ^ (value >> 31));
  }

  /** @param {Uint8Array} bytes */
  opaque(bytes) {
    this.varint(bytes.length);
    this.put(bytes);
  }

  /** Bincode's unsigned integer, up to 64 bits. @param {number | bigint} value */
  unsigned(value) {
    if (value < 251) return this.u8(Number(value));
    const power = value < 2 ** 16 ? 1 : value < 2 ** 32 ? 2 : 3;
    this.u8(250 + power);
    let rest = BigInt(value);
    for (let byte = 0; byte < 2 ** power; byte++, rest >>= 8n) this.u8(Number(rest & 0xffn));
  }

  /** Bincode's signed integer, up to 32 bits. @param {number} value */
  signed(value) {
    this.unsigned(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** @param {boolean} value */
  bool(value) {
    this.u8(value ? 1 : 0);
  }

  /** Bincode's list of bytes. @param {Uint8Array} bytes */
  counted(bytes) {
    this.unsigned(bytes.length);
    this.put(bytes);
  }

  /** @param {string} value */
  string(value) {
    this.counted(utf8.encode(value));
  }

  /**
   * @template T
   * @param {readonly T[]} items
   * @param {(item: T) => void} write
   */
  list(items, write) {
    this.unsigned(items.length);
    items.forEach((item) => write(item));
  }

  /**
   * @template T
   * @param {T | null | undefined} value
   * @param {(value: T) => void} write
   */
  option(value, write) {
    const some = value !== null && value !== undefined;
    this.bool(some);
    if (some) write(value);
  }

  /** What was written; a copy. */
  done() {
    return this.bytes.slice(0, this.length);
  }

  /** @param {number} more */
  #room(more) {
    if (this.length + more <= this.bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
  }
}

/** @param {Uint8Array} bytes */
export function readText(bytes) {
  try {
    return text.decode(bytes);
  } catch {
    throw new WireError("the text is not UTF-8");
  }
}

/**
 * The text's bytes, cut at a character's boundary if they are more than allowed.
 * @param {string} value
 * @param {number} most
 */
export function writeText(value, most) {
  const bytes = utf8.encode(value);
  if (bytes.length <= most) return bytes;
  let end = most;
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
