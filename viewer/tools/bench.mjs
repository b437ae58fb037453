// How the viewer copes with the cluster of a running server, such as one that tools/scale.mjs has filled: figures for a person.
// usage: TIMONIER_SERVER=… TIMONIER_TOKEN=… node tools/bench.mjs [PICTURE.png]
import { readFileSync } from "node:fs";
import { blank, launch } from "../test/e2e/browsing.mjs";

const server = new URL(process.env.TIMONIER_SERVER ?? "https://127.0.0.1:6443");
const browser = await launch();
const page = await blank(browser, server, { viewport: { width: 1600, height: 1000 } });
page.setDefaultTimeout(300_000);
const say = (what, value) => console.log(`${what.padEnd(46)} ${value}`);

/** Frames a second, and how long drawing one takes, while something is done to the stage each frame. */
async function frames(what, act) {
  const { rate, each, longest } = await page.evaluate(async (act) => {
    const { stage, scene } = globalThis.timonier;
    const each = new Function("stage", "scene", "turn", act);
    const [began, drawn, spent] = [performance.now(), stage.frames, stage.spent];
    let [turn, last, longest] = [0, performance.now(), 0];
    await new Promise((resolve) => {
      const frame = () => {
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        each(stage, scene, turn++);
        stage.dirty();
        now - began < 4000 ? requestAnimationFrame(frame) : resolve();
      };
      requestAnimationFrame(frame);
    });
    const count = stage.frames - drawn;
    return { rate: (count * 1000) / (performance.now() - began), each: (stage.spent - spent) / count, longest };
  }, act);
  say(what, `${rate.toFixed(0)} frames/s, ${each.toFixed(1)} ms to draw one, longest gap ${longest.toFixed(0)} ms`);
}

try {
  await page.goto(`${server.origin}/ui/`);
  await page.fill("#token", process.env.TIMONIER_TOKEN ?? "");
  const began = Date.now();
  await page.click("button[type=submit]");
  await page.waitForFunction(() => globalThis.timonier?.scene.pods.size > 0);
  say("first pods are seen after", `${Date.now() - began} ms`);
  await page.waitForSelector(".link.live");
  await page.waitForTimeout(300);
  say("everything is seen, and live, after", `${Date.now() - began} ms`);
  say("in the picture", await page.textContent("#totals"));
  const { processInfo } = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
  const sizes = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => Number(readFileSync(`/proc/${id}/statm`, "utf8").split(" ")[1]) / 256);
  say("memory of page and worker", `${Math.max(...sizes).toFixed(0)} MB (${await page.evaluate(() => Math.round(performance.memory.usedJSHeapSize / 2 ** 20))} MB are the page's objects)`);
  await frames("the whole cluster", "");
  await frames("zoomed in until pods are seen, panned", `
    if (turn === 0) stage.camera.zoom(40 / (120 * stage.camera.scale), { x: 800, y: 500 }, scene.geometry);
    stage.camera.pan(Math.sin(turn / 20) * 12, 0);`);
  await frames("zoomed in to some nodes, panned", `
    if (turn === 0) stage.camera.zoom(4, { x: 800, y: 500 }, scene.geometry);
    stage.camera.pan(Math.sin(turn / 20) * 12, 0);`);
  const search = Date.now();
  await page.fill("#search", "app=web status:failing");
  await page.waitForFunction(() => document.querySelector("#found").textContent !== "");
  say("a search answers after", `${Date.now() - search} ms: ${await page.textContent("#found")}`);
  await page.evaluate(() => (globalThis.timonier.stage.camera.fit(globalThis.timonier.scene.geometry), globalThis.timonier.stage.dirty()));
  await page.waitForTimeout(500);
  if (process.argv[2]) await page.screenshot({ path: process.argv[2] });
} finally {
  await browser.close();
}
