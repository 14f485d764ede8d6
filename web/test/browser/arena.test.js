/**
 * The arena in real browsers against a real host: two players see each other move, among bots.
 * @module
 */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startHost } from "../host.js";
import { launch } from "./chromium.js";

const out = fileURLToPath(new URL("../../../tests/out/", import.meta.url));
/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  await mkdir(out, { recursive: true });
  host = await startHost("--bots", "12", "--seed", "11");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  assert.equal(await host?.stop(), 0, "the host stops in good order");
});

/** @param {string} name */
async function open(name, viewport = { width: 1280, height: 720 }) {
  const context = await browser.newContext({ viewport });
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  await page.goto(`${host.url}?name=${name}`);
  await page.waitForFunction(() => window.tickwire?.client.state === "playing" && window.tickwire.ships().some((ship) => ship.own));
  return { page, faults };
}

/** @param {import("playwright-core").Page} page @param {string} name */
function ship(page, name) {
  return page.evaluate((name) => window.tickwire.ships().find((ship) => ship.name === name) ?? null, name);
}

test("a second window sees the first player move", async () => {
  const ada = await open("Ada");
  const bob = await open("Bob");
  await bob.page.waitForFunction(() => window.tickwire.ships().length === 14);
  const before = await ship(bob.page, "Ada");
  const own = await ship(bob.page, "Bob");
  assert.ok(before && own);
  // Who comes next comes to life in sight.
  assert.ok(Math.hypot(before.x - own.x, before.y - own.y) < 700, JSON.stringify({ before, own }));
  // Away from the wall, wherever the ship came to life.
  const [horizontal, vertical] = [before.x < 800 ? "KeyD" : "KeyA", before.y < 800 ? "KeyS" : "KeyW"];
  await ada.page.keyboard.down(horizontal);
  await ada.page.keyboard.down(vertical);
  await ada.page.mouse.move(900, 200);
  await ada.page.mouse.down();
  await bob.page.waitForFunction(
    ({ x, y }) => {
      const ship = window.tickwire.ships().find(({ name }) => name === "Ada");
      return ship && Math.hypot(ship.x - x, ship.y - y) > 60;
    },
    { x: before.x, y: before.y },
    { timeout: 5000 },
  );
  await ada.page.screenshot({ path: `${out}ada.png` });
  await bob.page.screenshot({ path: `${out}bob.png` });
  await ada.page.waitForFunction(() => window.tickwire.client.stats.hashChecks > 1);
  for (const { page, faults } of [ada, bob]) {
    const stats = await page.evaluate(() => window.tickwire.client.stats);
    assert.equal(stats.hashMismatches, 0);
    assert.equal(stats.resyncs, 0);
    assert.deepEqual(faults, []);
    await page.context().close();
  }
});

test("opening the page puts the player into the match within a second", async () => {
  const { page } = await open("Eve");
  const joined = await page.evaluate(() => window.tickwire.client.stats.snapshots > 0 && performance.now());
  // The machine that tests may be busy: the figure is reported, the bound is a loose one.
  assert.ok(joined && joined < 5000, `in the match after ${joined} ms`);
  console.log(`in the match after ${Math.round(Number(joined))} ms`);
  await page.context().close();
});

test("a reload keeps the seat, and a phone shows the match", async () => {
  const { page } = await open("Mia", { width: 390, height: 844 });
  const seat = await page.evaluate(() => window.tickwire.client.seat);
  await page.reload();
  await page.waitForFunction(() => window.tickwire?.client.state === "playing");
  assert.equal(await page.evaluate(() => window.tickwire.client.seat), seat);
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${out}phone.png` });
  await page.context().close();
});

test("a refused name is told to the player", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(() => sessionStorage.setItem("tickwire token", "<script>"));
  await page.goto(host.url);
  await page.waitForFunction(() => document.documentElement.dataset.state === "closed");
  assert.match((await page.textContent("#notice")) ?? "", /token was refused/);
  await context.close();
});
