/**
 * A player's page in a browser: opened, spoken with, cut off.
 * @module
 */

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const DESK = { width: 1280, height: 720 };
/** The smallest window that has the map. */
export const SMALL = { width: 900, height: 600 };
export const PHONE = { width: 390, height: 844 };

/** Where pictures go. */
const out = fileURLToPath(new URL("../../../tests/out/", import.meta.url));
await mkdir(out, { recursive: true });

/** @typedef {import("playwright-core").Page} Page */

/**
 * A page whose connections can be cut.
 * @param {import("node:test").TestContext} t
 * @param {import("playwright-core").Browser} browser
 * @param {string} url
 * @param {{ viewport?: { width: number, height: number }, hasTouch?: boolean }} [options]
 */
export async function open(t, browser, url, { viewport = DESK, hasTouch = false } = {}) {
  const context = await browser.newContext({ viewport, hasTouch });
  t.after(() => context.close());
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  let cut = async () => {};
  await page.routeWebSocket(/^ws:/, (route) => {
    const ends = [route, route.connectToServer()];
    cut = async () => void (await Promise.all(ends.map((end) => end.close({ code: 4431 }))));
  });
  await page.goto(url);
  return { page, faults, cut: () => cut() };
}

/** Waits until the page shows a match. @param {Page} page */
export function match(page) {
  return page.waitForFunction(() => window.tickwire?.client.state === "playing" && window.tickwire.ships().length > 0);
}

/** Writes a line as a player does. @param {Page} page @param {string} text */
export async function say(page, text) {
  await page.keyboard.press("Enter");
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

/** Waits for a line: who, and what. @param {Page} page @param {string} text */
export function line(page, text) {
  return page.locator("#lines li", { hasText: text }).waitFor({ state: "attached", timeout: 10_000 });
}

/** @param {Page} page @param {string} name */
export function picture(page, name) {
  return page.screenshot({ path: `${out}${name}.png` });
}
