/**
 * A scripted relay: sockets that do what a test says, and the messages that a relay sends.
 * @module
 */

import assert from "node:assert/strict";
import { Reader, Writer } from "../bytes.js";
import { Client } from "../tickwire.js";

const KINDS = ["", "Auth", "Join", "Input", "Leave", "Resync", "Probe", "ProbeReply"];

/** One connection, from the relay's end. */
export class FakeSocket {
  readyState = 0;
  binaryType = "blob";
  /** @type {{ kind: string, body: Uint8Array }[]} What the client sent. */
  heard = [];
  /** Whether the client closed it. */
  closed = false;
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: { data: ArrayBuffer | string }) => void) | null} */
  onmessage = null;
  /** @type {((event: { code: number, reason: string }) => void) | null} */
  onclose = null;

  /**
   * @param {string} url
   * @param {string} protocol
   */
  constructor(url, protocol) {
    this.url = url;
    this.protocol = protocol;
  }

  /** The client's: takes its frames apart. @param {Uint8Array} bytes */
  send(bytes) {
    assert.equal(this.readyState, 1, "nothing is sent on a connection that is not open");
    const frames = new Reader(bytes);
    while (frames.left) this.heard.push({ kind: KINDS[frames.u8()], body: frames.opaque() });
  }

  /** The client's. */
  close() {
    this.readyState = 2;
    this.closed = true;
  }

  /** The relay's: the connection is up. */
  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  /** The relay's: one WebSocket message. @param {Uint8Array[]} frames */
  say(...frames) {
    const bytes = Uint8Array.from(frames.flatMap((frame) => [...frame]));
    this.onmessage?.({ data: bytes.buffer });
  }

  /** The relay's: the connection ends. */
  end(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** The kinds of what was heard, in order. */
  get kinds() {
    return this.heard.map(({ kind }) => kind);
  }

  /** A reader of the last message of this kind. @param {string} kind */
  last(kind) {
    const found = this.heard.findLast((message) => message.kind === kind);
    assert.ok(found, `no ${kind} among ${this.kinds}`);
    return new Reader(found.body);
  }

  /** Lets the client in. @param {Partial<typeof ROOM>} [room] */
  admit(room) {
    this.open();
    this.say(accepted());
    this.say(welcome(room));
  }
}

const ROOM = { seat: 3, resume: 7 };

/**
 * @param {number} kind
 * @param {(out: Writer) => void} write
 */
export function frame(kind, write) {
  const body = new Writer();
  write(body);
  const out = new Writer();
  out.u8(kind);
  out.opaque(body.done());
  return out.done();
}

export function accepted() {
  return frame(0x41, (out) => {
    out.unsigned(1);
    out.string("ada");
    out.unsigned(2000);
  });
}

/**
 * A room of 10 ticks a second at tick 100. Its input is a boolean `fire`, its event `Said` a `text`.
 * @param {Partial<typeof ROOM>} [room] The resume token is 16 times this byte.
 */
export function welcome(room) {
  const { seat, resume } = { ...ROOM, ...room };
  return frame(0x42, (out) => {
    out.string("lobby");
    for (const value of [seat, 100, 10, 1, 8, 16]) out.unsigned(value);
    out.put(token(resume));
    for (const value of [20_000, 0, 0]) out.unsigned(value);
    // The input.
    out.string("Input");
    out.unsigned(1);
    out.string("fire");
    out.unsigned(0);
    out.unsigned(0);
    // The events.
    out.unsigned(1);
    out.string("Said");
    out.unsigned(1);
    out.string("text");
    for (const value of [5, 24, 0]) out.unsigned(value);
    // No messages, no requests.
    for (const value of [0, 0]) out.unsigned(value);
  });
}

/** @param {number} byte */
export function token(byte) {
  return new Uint8Array(16).fill(byte);
}

/** A snapshot for {@link standIn}. @param {number} body */
export function snapshot(body = 0) {
  return frame(0x43, (out) => out.u8(body));
}

/**
 * @param {number} event
 * @param {string} text
 */
export function event(event, text) {
  return frame(0x44, (out) => {
    out.varint(104);
    out.varint(event);
    out.opaque(new TextEncoder().encode(text));
  });
}

/**
 * @param {number} code
 * @param {number | null} [retryMs]
 */
export function error(code, retryMs = null) {
  return frame(0x45, (out) => {
    out.unsigned(code);
    out.string("no");
    out.u8(retryMs === null ? 0 : 1);
    if (retryMs !== null) out.unsigned(retryMs);
  });
}

/** @param {number} nonce */
export function probe(nonce) {
  return frame(0x46, (out) => out.unsigned(nonce));
}

/**
 * @param {number} nonce
 * @param {number} tick
 * @param {number} phase
 */
export function probeReply(nonce, tick, phase) {
  return frame(0x47, (out) => [nonce, tick, phase].forEach((value) => out.unsigned(value)));
}

/**
 * A client on fake sockets, whose clock and chance are the test's.
 * @param {import("node:test").TestContext} t
 * @param {Partial<import("../tickwire.js").Options>} [options]
 */
export function start(t, options) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  /** @type {FakeSocket[]} */
  const sockets = [];
  class Socket extends FakeSocket {
    /** @param {string} url @param {string} protocol */
    constructor(url, protocol) {
      super(url, protocol);
      sockets.push(this);
    }
  }
  const WebSocket = /** @type {typeof globalThis.WebSocket} */ (/** @type {unknown} */ (Socket));
  const now = () => Date.now();
  const client = new Client({ url: "ws://relay", token: "ada.1", room: "lobby", WebSocket, now, random: () => 0, ...options });
  t.after(() => client.close());
  return {
    client,
    sockets,
    /** The newest connection. */
    get socket() {
      return sockets[sockets.length - 1];
    },
    /** Lets time pass. In one step, timers that are due early would see the time of the last. @param {number} ms */
    pass(ms) {
      for (; ms > 0; ms--) t.mock.timers.tick(1);
    },
  };
}

/**
 * Puts a replica of the test's in the place of the client's own, which has its tests elsewhere.
 * @param {Client} client
 * @param {{ tick: number, apply?: () => { fresh: boolean, hashMatched: boolean | null }, sequence?: number }} replica
 */
export function standIn(client, { tick, apply = () => ({ fresh: true, hashMatched: null }), sequence = 0 }) {
  const rows = () => [{ slot: 0, seat: 3, sequence, connected: true }];
  Object.assign(client.replica, { tick, apply, rows });
}

/**
 * What a client tells under these names, from now on.
 * @param {import("../tickwire.js").Client} client
 * @param {string[]} names
 */
export function record(client, ...names) {
  /** @type {any[]} */
  const seen = [];
  for (const name of names) client.on(name, (value) => seen.push(value));
  return seen;
}
