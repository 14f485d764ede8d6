/**
 * Answers that are waited for: promises, and why they are refused.
 * @module
 */

/** Something was asked for, and is not to be had. */
export class Refusal extends Error {
  name = "Refusal";

  /**
   * @param {string} code One of the protocol's, such as `"NoRecipient"`; or the client's own: `"Lost"` (the connection was lost, the seat is gone,
   *   and nobody knows whether the message had arrived), `"TooMany"`, `"Superseded"`, `"Closed"`.
   * @param {string} message For people.
   * @param {number | null} [retryMs] After which trying again may help.
   */
  constructor(code, message, retryMs = null) {
    super(message);
    this.code = code;
    this.retryMs = retryMs;
  }
}

/** Nothing is answered any more. */
export function closed() {
  return new Refusal("Closed", "the client is closed");
}

/**
 * A promise and its ends. Who ignores it is not ended by its rejection.
 * @template T
 */
export function promise() {
  let [resolve, reject] = [(/** @type {T} */ _) => {}, (/** @type {unknown} */ _) => {}];
  const promise = /** @type {Promise<T>} */ (new Promise((...ends) => ([resolve, reject] = ends)));
  promise.catch(() => {});
  return { promise, resolve, reject };
}
