/**
 * A scripted relay: sockets that do what a test says, and the messages that a relay sends.
 * @module
 */

import assert from "node:assert/strict";
import { Reader, Writer } from "../bytes.js";
import { Client, Refusal } from "../tickwire.js";

const utf8 = new TextEncoder();

const KINDS = [
  "", "Auth", "Join", "Input", "Leave", "Resync", "Probe", "ProbeReply", "Subscribe", "Unsubscribe", "Publish", "Ack", "Tell", "Request",
  "ListRooms",
];

/** What can be refused, and has no id elsewhere than first in its body. */
const NAMED = ["Join", "Subscribe", "Unsubscribe", "ListRooms"];

/**
 * @typedef {(socket: Pick<FakeSocket, "idOf">) => Uint8Array} Answer A frame that has the id of what was heard on a connection.
 */

/** One connection, from the relay's end. */
export class FakeSocket {
  readyState = 0;
  binaryType = "blob";
  /** @type {{ kind: string, id: string | null, body: Uint8Array }[]} What the client sent; the ids of what is {@link NAMED} are not in the body. */
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
    while (frames.left) {
      const [kind, body] = [KINDS[frames.u8()], new Reader(frames.opaque())];
      const id = NAMED.includes(kind) ? body.option(() => body.string()) : null;
      this.heard.push({ kind, id, body: body.take(body.left) });
    }
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

  /** The relay's: one WebSocket message for each. @param {(Uint8Array | Answer)[]} frames */
  say(...frames) {
    for (const frame of frames) this.sayAtOnce(typeof frame === "function" ? frame(this) : frame);
  }

  /** The relay's: one WebSocket message of all. @param {Uint8Array[]} frames */
  sayAtOnce(...frames) {
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

  /** The id of the last message of this kind whose body begins so. @param {string} kind @param {Uint8Array} [beginning] */
  idOf(kind, beginning = new Uint8Array()) {
    const isIt = (/** @type {Uint8Array} */ body) => beginning.every((byte, index) => byte === body[index]);
    return this.heard.findLast((message) => message.kind === kind && isIt(message.body))?.id ?? null;
  }

  /** Readers of all messages of this kind. @param {string} kind */
  all(kind) {
    return this.heard.filter((message) => message.kind === kind).map(({ body }) => new Reader(body));
  }

  /** A reader of the last message of this kind. @param {string} kind */
  last(kind) {
    const found = this.all(kind).at(-1);
    assert.ok(found, `no ${kind} among ${this.kinds}`);
    return found;
  }

  /** Lets the client in. @param {Partial<typeof ROOM>} [room] */
  admit(room) {
    this.open();
    this.say(accepted());
    this.say(welcome(room));
  }
}

const ROOM = { room: "lobby", code: /** @type {string | null} */ (null), seat: /** @type {number | null} */ (3), resume: 7, received: 0, lost: false };

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
 * A room of 10 ticks a second at tick 100, whose host has seat 5. Its input is a boolean `fire`; its event `Said`, its message `Say`, the request of its
 * exchange `Ask` and the reply `Answer` have a `text`.
 * @param {Partial<typeof ROOM>} [change] The resume token is 16 times this byte.
 * @param {string} [id] That of the last join, if it is left out.
 * @returns {Answer}
 */
export function welcome(change, id) {
  const { room, code, seat, resume, received, lost } = { ...ROOM, ...change };
  return (socket) => frame(0x42, (out) => {
    putId(out, id ?? socket.idOf("Join"));
    out.string(room);
    out.option(code, (code) => out.string(code));
    out.unsigned(41);
    for (const value of [seat, 5]) out.option(value, (value) => out.unsigned(value));
    for (const value of [100, 10, 1, 8, 16]) out.unsigned(value);
    out.put(token(resume));
    for (const value of [20_000, received]) out.unsigned(value);
    out.bool(lost);
    // The schema: its hash, no components, the input.
    for (const value of [0, 0]) out.unsigned(value);
    out.string("Input");
    out.unsigned(1);
    out.string("fire");
    for (const value of [0, 0]) out.unsigned(value);
    out.list(["Said"], (name) => texts(out, name));
    out.list(["Shout", "Say"], (name) => texts(out, name));
    out.list(["Ask"], (name) => {
      texts(out, name);
      texts(out, "Answer");
    });
  });
}

/** @param {Writer} out @param {string | null} id */
function putId(out, id) {
  out.option(id, (id) => out.string(id));
}

/** A shape with a `text` alone. @param {Writer} out @param {string} name */
function texts(out, name) {
  out.string(name);
  out.unsigned(1);
  out.string("text");
  for (const value of [5, 24, 0]) out.unsigned(value);
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
 * @param {number} [number]
 */
export function event(event, text, number = 1) {
  return frame(0x44, (out) => {
    out.varint(number);
    out.varint(104);
    out.varint(event);
    out.opaque(utf8.encode(text));
  });
}

/**
 * @param {number} code
 * @param {number | null} [retryMs]
 * @param {string | null} [id]
 */
export function error(code, retryMs = null, id = null) {
  return frame(0x45, (out) => {
    out.unsigned(code);
    out.string("no");
    out.option(retryMs, (ms) => out.unsigned(ms));
    putId(out, id);
  });
}

/**
 * An error that names the last message of this kind.
 * @param {string} kind
 * @param {number} code
 * @param {number | null} [retryMs]
 * @returns {Answer}
 */
export function refused(kind, code, retryMs = null) {
  return (socket) => error(code, retryMs, socket.idOf(kind));
}

/** What bincode has for where a channel is. */
export const Scope = Object.freeze({ ROOM: 0, RELAY: 1 });

/** Someone called Bob. @param {Writer} out */
function member(out) {
  out.unsigned(70_000);
  out.option(4, (seat) => out.unsigned(seat));
  out.string("Bob");
}

/** Where a channel is. @param {number} scope @param {string} channel */
function place(scope, channel) {
  const out = new Writer();
  out.unsigned(scope);
  out.string(channel);
  return out.done();
}

/**
 * Bob is in the channel, and one more who is not listed.
 * @param {number} scope
 * @param {string} channel
 * @param {string} [id] That of the last subscription to it, if it is left out.
 * @returns {Answer}
 */
export function subscribed(scope, channel, id) {
  return (socket) => frame(0x48, (out) => {
    putId(out, id ?? socket.idOf("Subscribe", place(scope, channel)));
    out.put(place(scope, channel));
    out.list([0], () => member(out));
    out.unsigned(2);
  });
}

/**
 * @param {number} scope
 * @param {string} channel
 * @param {string} [id] That of the last end of a subscription to it, if it is left out.
 * @returns {Answer}
 */
export function unsubscribed(scope, channel, id) {
  return (socket) => frame(0x49, (out) => {
    putId(out, id ?? socket.idOf("Unsubscribe", place(scope, channel)));
    out.put(place(scope, channel));
  });
}

/**
 * Bob says something.
 * @param {number} number
 * @param {{ scope: number, channel: string } | number[] | "host"} to
 * @param {string | Uint8Array} content JSON or bytes.
 */
export function message(number, to, content) {
  return frame(0x4a, (out) => {
    out.unsigned(number);
    out.option(true, () => member(out));
    if (to === "host") out.unsigned(2);
    else if (Array.isArray(to)) {
      out.unsigned(1);
      out.list(to, (seat) => out.unsigned(seat));
    } else {
      out.unsigned(0);
      out.unsigned(to.scope);
      out.string(to.channel);
    }
    out.unsigned(typeof content === "string" ? 0 : 1);
    out.counted(typeof content === "string" ? utf8.encode(content) : content);
  });
}

/**
 * @param {number} scope
 * @param {string} channel
 * @param {boolean} here
 */
export function presence(scope, channel, here) {
  return frame(0x4b, (out) => {
    out.put(place(scope, channel));
    member(out);
    out.bool(here);
  });
}

/** @param {string} id */
export function acked(id) {
  return frame(0x4c, (out) => out.string(id));
}

/**
 * @param {number} number
 * @param {string} id
 * @param {string} text
 */
export function reply(number, id, text) {
  return frame(0x4d, (out) => {
    out.varint(number);
    out.opaque(utf8.encode(id));
    out.varint(0);
    out.opaque(utf8.encode(text));
  });
}

/**
 * Rooms of these names.
 * @param {boolean} whole
 * @param {string[]} names
 * @param {string[]} [gone]
 * @param {string} [id] That of the last look at the rooms, if it is left out.
 * @returns {Answer}
 */
export function rooms(whole, names, gone = [], id) {
  return (socket) => frame(0x4e, (out) => {
    putId(out, id ?? socket.idOf("ListRooms"));
    out.bool(whole);
    out.list(names, (name) => {
      for (const text of [name, "arena"]) out.string(text);
      out.list([["map", "dust"]], (label) => label.forEach((text) => out.string(text)));
      out.string("come in");
      for (const count of [2, 8, 1]) out.unsigned(count);
      out.bool(false);
    });
    out.list(gone, (name) => out.string(name));
  });
}

/** @param {number | null} seat */
export function host(seat) {
  return frame(0x4f, (out) => out.option(seat, (seat) => out.unsigned(seat)));
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

/** Loses the connection and comes back, as far as to being accepted. @param {ReturnType<typeof start>} relay */
export function cut(relay) {
  relay.socket.end();
  relay.pass(1);
  relay.socket.open();
  relay.socket.say(accepted());
}

/** The code of a refusal. @param {Promise<unknown>} answer */
export async function refusal(answer) {
  const error = await answer.then(
    () => assert.fail("this was to be refused"),
    (error) => error,
  );
  assert.ok(error instanceof Refusal, String(error));
  return error.code;
}

/** What has become of a promise by now. @param {Promise<unknown>} answer */
export function now(answer) {
  return Promise.race([answer.then(() => "answered", () => "refused"), new Promise((resolve) => setImmediate(resolve, "waiting"))]);
}
