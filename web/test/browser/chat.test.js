/**
 * The arena's chat in real browsers against a real host: two players talk, one watches, and nothing is lost with a connection.
 * @module
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startHost } from "../host.js";
import { launch } from "./chromium.js";
import { PHONE, line, match, open, picture, say } from "./player.js";

/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  host = await startHost("--bots", "4", "--seed", "11");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  assert.equal(await host?.stop(), 0, "the host stops in good order");
});

/**
 * A page in the arena.
 * @param {import("node:test").TestContext} t
 * @param {string} name
 * @param {{ query?: string, viewport?: { width: number, height: number }, hasTouch?: boolean }} [options]
 */
async function enter(t, name, { query = "", ...options } = {}) {
  const player = await open(t, browser, `${host.url}?name=${name}${query}`, options);
  await match(player.page);
  return player;
}

test("two players talk, and see each other come and go", async (t) => {
  const ada = await enter(t, "Ada");
  const bob = await enter(t, "Bob");
  await line(ada.page, "Bob joined");
  await say(ada.page, "hello, Bob");
  await line(ada.page, "hello, Bob");
  await line(bob.page, "hello, Bob");
  await say(bob.page, "hello <b>Ada</b>, & welcome");
  await line(ada.page, "hello <b>Ada</b>, & welcome");
  assert.equal(await ada.page.locator("#lines li b", { hasText: "Bob" }).count(), 1, "what is said is text, and the name alone is bold");
  await bob.page.keyboard.press("Enter");
  await bob.page.keyboard.type("…");
  await picture(ada.page, "chat-ada");
  await picture(bob.page, "chat-bob");
  await bob.page.evaluate(() => window.tickwire.client.leave());
  await line(ada.page, "Bob left");
  assert.deepEqual([...ada.faults, ...bob.faults], []);
});

test("who types does not fly, and who closes says nothing", async (t) => {
  const { page } = await enter(t, "Cid");
  await page.evaluate(() => {
    const { client } = window.tickwire;
    const send = client.send.bind(client);
    client.send = (input) => {
      if (input.x || input.y || input.fire || input.boost) document.title = "flying";
      return send(input);
    };
  });
  await page.keyboard.press("Enter");
  await page.keyboard.down("KeyD");
  await page.keyboard.type("wasd WASD");
  await page.waitForTimeout(300);
  await page.keyboard.up("KeyD");
  assert.notEqual(await page.title(), "flying");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#say").isVisible(), false);
  await page.keyboard.down("KeyD");
  await page.waitForFunction(() => document.title === "flying");
  await page.keyboard.press("Enter");
  await page.keyboard.up("KeyD");
  assert.equal(await page.inputValue("#line"), "dwasd WASD", "what was written is still there");
  await page.fill("#line", "x".repeat(300));
  assert.equal((await page.inputValue("#line")).length, 200);
});

test("a lost connection keeps the chat, and brings what was said meanwhile, once", async (t) => {
  const dan = await enter(t, "Dan");
  const eva = await enter(t, "Eva");
  await say(dan.page, "before");
  await line(eva.page, "before");
  await eva.cut();
  await say(dan.page, "meanwhile");
  await eva.page.waitForFunction(() => window.tickwire.client.stats.reconnects === 1);
  await line(eva.page, "meanwhile");
  await say(eva.page, "after");
  await line(dan.page, "after");
  assert.equal(await eva.page.locator("#feed li", { hasText: "someone" }).count(), 0, "what was missed is told with names, or not at all");
  await picture(eva.page, "chat-again");
  for (const text of ["before", "meanwhile", "after"]) assert.equal(await eva.page.locator("#lines li", { hasText: text }).count(), 1, text);
});

test("who comes later reads what was said, and a spectator may watch", async (t) => {
  const fay = await enter(t, "Fay");
  await say(fay.page, "first");
  await line(fay.page, "first");
  const gus = await enter(t, "Gus", { query: "&spectate" });
  await line(gus.page, "first");
  assert.equal(await gus.page.evaluate(() => window.tickwire.client.seat), null);
  assert.equal(await gus.page.evaluate(() => window.tickwire.ships().some((ship) => ship.own)), false);
  await gus.page.waitForFunction(() => window.tickwire.client.stats.snapshots > 30);
  await picture(gus.page, "spectator");
  assert.deepEqual(gus.faults, []);
});

test("what was said stays in its room", async (t) => {
  const { page } = await enter(t, "Kim");
  await say(page, "of the lobby alone");
  await line(page, "of the lobby alone");
  await page.keyboard.press("r");
  await page.fill("#new-name", "the den");
  await page.click("#create button");
  await line(page, "Now in the den");
  assert.deepEqual(await page.locator("#lines li").allTextContents(), ["Now in the den"]);
  await page.goBack();
  await line(page, "of the lobby alone");
  assert.equal(await page.locator("#lines li", { hasText: "of the lobby alone" }).count(), 1);
  assert.equal(await page.locator("#lines li", { hasText: "the den" }).count(), 0);
});

test("a taunt is seen by all, and one that is written is no taunt", async (t) => {
  const [ian, jim] = [await enter(t, "Ian"), await enter(t, "Jim", { viewport: PHONE, hasTouch: true })];
  for (const { page } of [ian, jim]) {
    await page.evaluate(() => {
      const { client } = window.tickwire;
      client.on("event", ({ name, value }) => {
        const ship = window.tickwire.ships().find(({ seat }) => seat === value.seat);
        if (name === "Taunted") document.title += ` ${ship?.name} ${value.gesture}`;
      });
    });
  }
  await say(ian.page, "1 2 3");
  await line(jim.page, "1 2 3");
  await ian.page.keyboard.press("Digit2");
  await jim.page.waitForFunction(() => document.title.includes("Ian"));
  await jim.page.tap("#talk");
  await jim.page.tap("#taunts button:last-child");
  assert.equal(await jim.page.locator("#say").isVisible(), false);
  await ian.page.waitForFunction(() => document.title.includes("Jim"));
  await ian.page.waitForTimeout(300);
  await picture(ian.page, "taunt");
  await picture(jim.page, "taunt-phone");
  assert.match(await ian.page.title(), / Ian Wave Jim Bow$/);
});

test("a phone has a button for it", async (t) => {
  const { page } = await enter(t, "Hal", { viewport: PHONE, hasTouch: true });
  await page.tap("#talk");
  await page.keyboard.type("from a phone");
  await picture(page, "chat-phone");
  await page.tap("#talk");
  await line(page, "from a phone");
  assert.equal(await page.locator("#say").isVisible(), false);
});
