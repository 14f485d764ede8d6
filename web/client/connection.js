/**
 * One connection to the relay after the other: opened again after it was lost, for as long as the close code allows.
 * @module
 */

import { WireError } from "../bytes.js";
import { closeReason, mayRetry } from "../close.js";
import { SUBPROTOCOL, readMessages } from "../messages.js";

// All in milliseconds.
const BEAT = 1000;
const FIRST_WAIT = 100;
const LONGEST_WAIT = 5000;
/** Without anything from the relay, which answers probes and sends snapshots (scripts don't see its pings). */
export const SILENCE = 10_000;

/**
 * @typedef {object} Ends What is told of it.
 * @property {() => void} connecting
 * @property {() => void} opened
 * @property {(message: import("../messages/server.js").ServerMessage) => void} heard
 * @property {() => void} beat Once a second.
 * @property {(close: { code: number, reason: string, retry: boolean }) => void} lost
 * @property {(message: string) => void} malformed What came could not be read; the connection is lost for that.
 */

export class Connection {
  /** Bytes that came. */
  bytes = 0;

  #options;
  #ends;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempts = 0;
  #heard = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #beat;

  /**
   * @param {{ url: string, WebSocket: typeof globalThis.WebSocket, now: () => number, random: () => number }} options
   * @param {Ends} ends
   */
  constructor(options, ends) {
    this.#options = options;
    this.#ends = ends;
    this.#connect();
  }

  /** @param {Uint8Array} bytes */
  send(bytes) {
    if (this.#socket?.readyState === 1) this.#socket.send(/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
  }

  /** The relay is of use: if the connection is lost, the next is tried soon. */
  reached() {
    this.#attempts = 0;
  }

  /** Closes for good. Nothing is told of it. */
  close() {
    // Without a code: 1000 says that the player left.
    this.#drop()?.close();
  }

  #connect() {
    const socket = new this.#options.WebSocket(this.#options.url, SUBPROTOCOL);
    this.#socket = socket;
    this.#heard = this.#options.now();
    this.#beat = setInterval(() => this.#check(), BEAT);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.#heard = this.#options.now();
      this.#ends.opened();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#lost(code, reason);
    // The close that follows says it all; outside browsers an error that nobody listens to ends the program.
    socket.onerror = () => {};
    this.#ends.connecting();
  }

  /** @param {ArrayBuffer | string} data */
  #receive(data) {
    const socket = this.#socket;
    this.#heard = this.#options.now();
    try {
      if (typeof data === "string") throw new WireError("text on a binary session");
      this.bytes += data.byteLength;
      for (const message of readMessages(new Uint8Array(data))) {
        this.#ends.heard(message);
        // A handler may have closed the client: what is left of the message is for nobody.
        if (this.#socket !== socket) return;
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#drop()?.close();
      this.#lost(1006, error.message);
      this.#ends.malformed(error.message);
    }
  }

  /** Gives the connection up if it has been silent for long. */
  #check() {
    if (this.#options.now() - this.#heard > SILENCE) {
      this.#drop()?.close();
      return this.#lost(1006, "");
    }
    this.#ends.beat();
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    this.#drop();
    const retry = mayRetry(code);
    // Before anyone is told, so that a handler can call it off by closing the client.
    if (retry) {
      const cap = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempts++);
      this.#retry = setTimeout(() => this.#connect(), this.#options.random() * cap);
    }
    this.#ends.lost({ code, reason: reason || closeReason(code), retry });
  }

  /** Lets go of the connection and all that waits for it. */
  #drop() {
    clearInterval(this.#beat);
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    // Its errors stay taken care of.
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    return socket;
  }
}
