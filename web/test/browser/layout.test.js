/**
 * What is written over the arena, in real browsers against a real host: nothing lies over anything else, and who watches reads that.
 * @module
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startHost } from "../host.js";
import { launch } from "./chromium.js";
import { DESK, PHONE, SMALL, match, open, picture } from "./player.js";

/** The longest there are. */
const NAME = "W".repeat(24);
const ROOM = "W".repeat(64);

/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  host = await startHost("--bots", "8", "--seed", "11", "--room", ROOM);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  assert.equal(await host?.stop(), 0, "the host stops in good order");
});

/** Fills the page with as much as it may have to say. @param {import("playwright-core").Page} page */
async function fill(page) {
  await page.evaluate((name) => {
    const feed = Array.from({ length: 5 }, () => `<li style="animation: none"><b>${name}</b>wrecked<b>${name}</b></li>`);
    Object.assign(document.getElementById("feed") ?? {}, { innerHTML: feed.join("") });
    const { client } = window.tickwire;
    for (let said = 0; said < 8; said++) client.publish({ text: `${said} ${name} `.repeat(4) });
  }, NAME);
  await page.locator("#lines li").nth(7).waitFor();
}

/** Shows a notice. @param {import("playwright-core").Page} page @param {string} text */
function tell(page, text) {
  return page.locator("#notice").evaluate((notice, text) => Object.assign(notice, { hidden: false, textContent: text }), text);
}

/** What is seen, and what of it lies over what. @param {import("playwright-core").Page} page */
function overlaps(page) {
  return page.evaluate(() => {
    const ids = ["scores", "feed", "health", "hint", "watching", "here", "chat", "talk", "notice", "map"];
    const seen = ids.flatMap((id) => {
      const element = /** @type {HTMLElement} */ (document.getElementById(id));
      const isSeen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
      return isSeen ? { id, box: element.getBoundingClientRect() } : [];
    });
    const { innerWidth: width, innerHeight: height } = window;
    const outside = seen.filter(({ box }) => box.left < 0 || box.top < 0 || box.right > width || box.bottom > height);
    const pairs = seen.flatMap((one, index) => seen.slice(index + 1).map((other) => /** @type {const} */ ([one, other])));
    const over = pairs.filter(([{ box: a }, { box: b }]) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom);
    return {
      seen: seen.map(({ id }) => id),
      wrong: [...outside.map(({ id }) => `${id} outside`), ...over.map(([one, other]) => `${one.id} over ${other.id}`)],
    };
  });
}

describe("nothing lies over anything else", () => {
  for (const [name, viewport, hasTouch] of /** @type {const} */ ([["small", SMALL, false], ["desk", DESK, false], ["phone", PHONE, true]])) {
    for (const role of ["player", "spectator"]) {
      test(`for a ${role}, ${name}`, async (t) => {
        const query = new URLSearchParams({ name: NAME, room: ROOM, ...(role === "spectator" && { spectate: "" }) });
        const { page } = await open(t, browser, String(new URL(`/?${query}`, host.url)), { viewport, hasTouch });
        await match(page);
        await fill(page);
        const { seen, wrong } = await overlaps(page);
        assert.deepEqual(wrong, []);
        for (const id of [role === "player" ? "hint" : "watching", "scores", "feed", "health", "here", "chat"]) assert.ok(seen.includes(id), id);
        await picture(page, `layout-${name}-${role}`);
        await page.keyboard.press("Enter");
        assert.deepEqual((await overlaps(page)).wrong, [], "with the chat open");
        await tell(page, "Wrecked — back in a moment");
        assert.deepEqual((await overlaps(page)).wrong, [], "with a notice");
        await page.evaluate(() => window.tickwire.client.close());
        await tell(page, "You need an invitation to play here: a link with a token. Whoever runs this game can give you one.");
        assert.deepEqual((await overlaps(page)).wrong, [], "with the match over");
      });
    }
  }
});

describe("who watches", () => {
  test("reads that, and takes a seat by a button", async (t) => {
    const { page, faults } = await open(t, browser, String(new URL(`/?name=Ann&room=${ROOM}&spectate`, host.url)));
    await match(page);
    await page.getByText("You are watching").waitFor();
    await page.click("#fly");
    await page.waitForFunction(() => window.tickwire.ships().some((ship) => ship.own));
    assert.equal(await page.locator("#watching").isVisible(), false);
    assert.equal(new URL(page.url()).search, `?room=${ROOM}`);
    assert.deepEqual(faults, []);
  });
});
