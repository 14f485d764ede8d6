/**
 * The channels that the client hears, or wants to: subscribed to again whenever the relay has forgotten them.
 * @module
 */

import { DEFAULT_CHANNEL, subscribe, unsubscribe } from "../messages.js";
import { Refusal, closed, promise } from "./answers.js";

/** Milliseconds between one that was put off and the next. A relay takes 10 messages a second by default, and the player has more to say. */
const AGAIN_EVERY = 250;

/**
 * @typedef {import("../messages/rooms.js").Scope} Scope
 * @typedef {import("../messages/rooms.js").Member} Member
 * @typedef {object} Channel
 * @property {Scope} scope
 * @property {string} name
 * @property {boolean} wanted Whether it is to be heard, or no more.
 * @property {boolean} named Whether it was subscribed to, and is not just the one that everyone hears.
 * @property {string | null} id What the relay names it by, however often it is asked; null if it was not.
 * @property {boolean} asked Whether the relay has yet to say that it is so.
 * @property {boolean} putOff Whether it was asked when the relay heard too much.
 * @property {number | null} newest The number of the newest message that came.
 * @property {number} floor What comes with a number up to this one has come before.
 * @property {ReturnType<typeof promise<any>>[]} waiting
 */

export class Channels {
  /** @type {Map<string, Channel>} In the order of asking. */
  #channels = new Map();
  /** @type {Set<Scope>} Where the relay listens right now. */
  #open = new Set();
  #closed = false;
  /** Until the first of those that were put off is asked for. */
  #turn = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  #send;
  #nextId;

  /**
   * @param {(bytes: Uint8Array) => void} send
   * @param {() => string} nextId
   */
  constructor(send, nextId) {
    this.#send = send;
    this.#nextId = nextId;
  }

  /**
   * @param {Scope} scope
   * @param {string} name
   * @returns {Promise<Member[]>} Who hears it.
   */
  subscribe(scope, name) {
    return this.#want(scope, name, true);
  }

  /**
   * @param {Scope} scope
   * @param {string} name
   * @returns {Promise<void>}
   */
  unsubscribe(scope, name) {
    return this.#want(scope, name, false);
  }

  /** @param {import("../messages/server.js").Subscribed} answer */
  subscribed({ id, members }) {
    const found = this.#asked(id);
    if (found) settle(found, members);
  }

  /** @param {import("../messages/server.js").Unsubscribed} answer */
  unsubscribed({ id }) {
    const found = this.#asked(id);
    if (found) this.#forget(found);
  }

  /**
   * Whether a message is news.
   * @param {{ scope: Scope, channel: string, number: number }} message
   * @param {number} received The number of the room's newest message that came before.
   */
  hear({ scope, channel, number }, received) {
    const found = this.#get(scope, channel);
    if (!found) return scope === "relay" || number > received;
    if (number <= found.floor) return false;
    found.newest = found.floor = number;
    return true;
  }

  /**
   * Whether it is a channel that was refused.
   * @param {import("../messages/server.js").ErrorReply} error
   */
  refused({ code, message, retryMs, id }) {
    const found = this.#asked(id);
    if (!found) return false;
    if (retryMs !== null) this.#putOff(found, retryMs);
    else if (found.wanted) this.#drop(found, new Refusal(code, message));
    // It was not heard, which is what was wanted.
    else this.#forget(found);
    return true;
  }

  /** The token is good: the channels of the relay are asked for anew. */
  accept() {
    this.#open.add("relay");
    for (const channel of this.#of("relay")) {
      // Only what is newer is asked for: what has a smaller number is of a relay that was started again, and counts anew.
      channel.floor = 0;
      this.#restore(channel);
    }
  }

  /**
   * The client is in a room.
   * @param {boolean} resumed Whether in the seat that it had, which has its channels.
   * @param {boolean} same Whether it is the room in which it was before.
   */
  enter(resumed, same) {
    this.#open.add("room");
    if (!this.#get("room", DEFAULT_CHANNEL)) this.#add("room", DEFAULT_CHANNEL);
    for (const channel of this.#of("room")) {
      if (!same) Object.assign(channel, { newest: null, floor: 0 });
      if (!resumed) this.#restore(channel);
      else if (channel.asked) this.#say(channel);
    }
  }

  /** The connection is gone. */
  shut() {
    this.#open.clear();
    clearTimeout(this.#turn);
    for (const channel of this.#channels.values()) channel.putOff = false;
  }

  /** The client has left the room, and with it the room's channels. */
  leave() {
    this.#open.delete("room");
    for (const channel of this.#of("room")) this.#drop(channel, new Refusal("Superseded", "the room was left"));
  }

  /** Nothing will be answered any more. */
  close() {
    this.#closed = true;
    for (const channel of [...this.#channels.values()]) this.#drop(channel, closed());
  }

  /**
   * @param {Scope} scope
   * @param {string} name
   * @param {boolean} wanted
   * @returns {Promise<any>}
   */
  #want(scope, name, wanted) {
    const answer = promise();
    if (this.#closed) {
      answer.reject(closed());
      return answer.promise;
    }
    const channel = this.#get(scope, name) ?? this.#add(scope, name);
    this.#channels.delete(key(scope, name));
    this.#channels.set(key(scope, name), channel);
    if (channel.wanted !== wanted) fail(channel, new Refusal("Superseded", `\`${name}\` was asked for otherwise in the meantime`));
    channel.waiting.push(answer);
    Object.assign(channel, { wanted, named: wanted, id: this.#nextId(), asked: true });
    try {
      this.#say(channel);
    } catch (error) {
      this.#drop(channel, error);
    }
    return answer.promise;
  }

  /** Tells the relay, which has forgotten the channel, what is wanted of it. @param {Channel} channel */
  #restore(channel) {
    // Everyone hears a room's default channel from the start, and no other.
    if (isGiven(channel) && channel.wanted && !channel.named) return;
    if (!isGiven(channel) && !channel.wanted) return this.#forget(channel);
    channel.asked = true;
    this.#say(channel);
  }

  /** Asks for it again after so long. @param {Channel} channel @param {number} ms */
  #putOff(channel, ms) {
    channel.putOff = true;
    clearTimeout(this.#turn);
    this.#turn = setTimeout(() => this.#again(), ms);
  }

  /** Asks for one of those that were put off: most of them would be again. */
  #again() {
    const [first, ...more] = [...this.#channels.values()].filter(({ putOff }) => putOff);
    if (more.length) this.#turn = setTimeout(() => this.#again(), AGAIN_EVERY);
    if (first) this.#say(first);
  }

  /** @param {Channel} channel */
  #say(channel) {
    const { id, scope, name, wanted, newest } = channel;
    channel.putOff = false;
    const bytes = wanted ? subscribe(id, scope, name, newest) : unsubscribe(id, scope, name);
    if (this.#open.has(scope)) this.#send(bytes);
  }

  /** It is heard no more; what a room would bring back is remembered for that. @param {Channel} channel */
  #forget(channel) {
    settle(channel, undefined);
    if (!isGiven(channel)) this.#channels.delete(key(channel.scope, channel.name));
  }

  /**
   * @param {Channel} channel
   * @param {unknown} error
   */
  #drop(channel, error) {
    fail(channel, error);
    this.#channels.delete(key(channel.scope, channel.name));
  }

  /** The one that was asked for by this id, and has no answer yet. @param {string | null} id */
  #asked(id) {
    return [...this.#channels.values()].find((channel) => channel.asked && channel.id === id);
  }

  /**
   * @param {Scope} scope
   * @param {string} name
   */
  #get(scope, name) {
    return this.#channels.get(key(scope, name));
  }

  /**
   * @param {Scope} scope
   * @param {string} name
   */
  #add(scope, name) {
    const asked = { id: null, asked: false, putOff: false };
    /** @type {Channel} */
    const added = { scope, name, wanted: true, named: false, ...asked, newest: null, floor: 0, waiting: [] };
    this.#channels.set(key(scope, name), added);
    return added;
  }

  /** @param {Scope} scope */
  #of(scope) {
    return [...this.#channels.values()].filter((channel) => channel.scope === scope);
  }
}

/**
 * @param {Scope} scope
 * @param {string} name
 */
function key(scope, name) {
  return `${scope} ${name}`;
}

/** @param {Channel} channel */
function isGiven({ scope, name }) {
  return scope === "room" && name === DEFAULT_CHANNEL;
}

/**
 * @param {Channel} channel
 * @param {unknown} value
 */
function settle(channel, value) {
  channel.asked = false;
  for (const { resolve } of channel.waiting.splice(0)) resolve(value);
}

/**
 * @param {Channel} channel
 * @param {unknown} error
 */
function fail(channel, error) {
  for (const { reject } of channel.waiting.splice(0)) reject(error);
}
