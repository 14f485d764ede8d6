/**
 * The name that a player chooses, in real browsers against a real host.
 * @module
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startHost } from "../host.js";
import { launch } from "./chromium.js";
import { match, open, picture } from "./player.js";

/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  host = await startHost("--bots", "0");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  assert.equal(await host?.stop(), 0, "the host stops in good order");
});

/** Waits until these fly, and no one else. @param {import("playwright-core").Page} page @param {string[]} names */
function flying(page, ...names) {
  return page.waitForFunction((names) => {
    const ships = window.tickwire?.ships().map(({ name }) => name) ?? [];
    return String(ships.sort()) === String(names);
  }, names.sort());
}

test("is that of the ship at once, of the next visit, and of tabs to come", async (t) => {
  const { page, faults } = await open(t, browser, `${host.url}?name=Ada&room=lobby`);
  await match(page);
  await page.keyboard.press("r");
  assert.equal(await page.inputValue("#name"), "Ada");
  await page.fill("#name", " Zoë 7 ");
  await page.keyboard.press("Enter");
  await flying(page, "Zoë 7");
  assert.equal(page.url(), `${host.url}?room=lobby`);
  await page.reload();
  await flying(page, "Zoë 7");
  const other = await page.context().newPage();
  await other.goto(host.url);
  await flying(other, "Zoë 7", "Zoë 7");
  await other.keyboard.press("r");
  await other.fill("#name", "Yan");
  await other.click("#naming button");
  await flying(page, "Yan", "Zoë 7");
  assert.deepEqual(faults, []);
});

test("that is none is told, and changes nothing", async (t) => {
  const { page } = await open(t, browser, `${host.url}?name=Bob`);
  await match(page);
  await page.keyboard.press("r");
  for (const [name, trouble] of [
    ["x".repeat(25), "That name is too long: 25 letters, and 24 are the most."],
    ["<b>", "A name is made of letters, digits, spaces, - and _ alone."],
    [" ", "A name has one letter at least."],
  ]) {
    await page.fill("#name", name);
    await page.click("#naming button");
    await page.getByText(trouble).waitFor();
  }
  await picture(page, "name-refused");
  await page.reload();
  await match(page);
  assert.equal(await page.inputValue("#name"), "Bob");
});
