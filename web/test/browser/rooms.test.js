/**
 * Private rooms in real browsers against a real host, and rooms that let nobody in.
 * @module
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { Client } from "../../tickwire.js";
import { startHost } from "../host.js";
import { launch } from "./chromium.js";
import { PHONE, line, match, open, picture, say } from "./player.js";

/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  host = await startHost("--bots", "2", "--seed", "11");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  assert.equal(await host?.stop(), 0, "the host stops in good order");
});

test("a private room is found by its address alone", async (t) => {
  const ada = await open(t, browser, `${host.url}?name=Ada&private`);
  await match(ada.page);
  await line(ada.page, "A private room");
  const code = new URL(ada.page.url()).searchParams.get("code");
  assert.equal(await ada.page.evaluate(() => window.tickwire.client.welcome?.code), code);
  const bob = await open(t, browser, `${ada.page.url()}&name=Bob`);
  await match(bob.page);
  await line(ada.page, "Bob joined");
  await say(bob.page, "between the two of us");
  await line(ada.page, "between the two of us");
  const listed = await ada.page.evaluate(async () => (await window.tickwire.client.listRooms()).map(({ name }) => name));
  assert.deepEqual(listed, ["lobby"]);
  await ada.page.waitForFunction(() => window.tickwire.ships().length === 2);
  await picture(ada.page, "private");
  await ada.page.reload();
  await match(ada.page);
  assert.equal(await ada.page.evaluate(() => window.tickwire.client.welcome?.code), code, "a reload comes back");
  assert.deepEqual([...ada.faults, ...bob.faults], []);
});

test("a room that is not there is told, and the way to the lobby", async (t) => {
  const { page } = await open(t, browser, `${host.url}?code=NOPE`, { viewport: PHONE, hasTouch: true });
  await page.getByText("Not let in: there is no such room.").waitFor();
  await picture(page, "no-room");
  await page.getByText("To the lobby").tap();
  await match(page);
});

test("a room that is full is told, and may be watched", async (t) => {
  const client = new Client({
    url: host.url.replace(/^http/, "ws"),
    token: "Cid",
    target: { create: { private: true, seats: 1 } },
    WebSocket: /** @type {typeof globalThis.WebSocket} */ (/** @type {unknown} */ (WebSocket)),
  });
  t.after(() => client.close());
  const welcome = await new Promise((resolve) => client.on("welcome", resolve));
  const { page } = await open(t, browser, `${host.url}?code=${welcome.code}`);
  await page.getByText("Not let in: all 1 seats are taken.").waitFor();
  await picture(page, "full");
  await page.getByText("Watch", { exact: true }).click();
  await match(page);
  assert.equal(await page.evaluate(() => window.tickwire.client.seat), null);
});
