/**
 * Who hears what the client tells.
 * @module
 */

export class Events {
  /** @type {Map<string, Set<(value: any) => void>>} */
  #handlers = new Map();

  /**
   * Calls `handler` with every value of this event. Returns what takes it back.
   * @param {string} name
   * @param {(value: any) => void} handler
   */
  on(name, handler) {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  /**
   * @param {string} name
   * @param {unknown} value
   */
  emit(name, value) {
    this.#handlers.get(name)?.forEach((handler) => handler(value));
  }
}
