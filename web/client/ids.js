/**
 * The ids of what a client says.
 * @module
 */

/**
 * Makes ids that no other message has.
 * @param {() => number} random From 0 to 1.
 */
export function ids(random) {
  // A seat that is taken up by another client must not find its ids used.
  const prefix = Math.floor(random() * 2 ** 48).toString(36);
  let count = 0;
  return () => `${prefix}-${++count}`;
}
