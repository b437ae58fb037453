// The viewer in a browser, against a real cluster.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { blank, launch } from "./browsing.mjs";
import { Cluster, deployment, Etcd, pod, Wire } from "./cluster.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let cluster, wire, browser, page, link;
/** What the browser's console complained of, and what the page asked the server for. */
let complaints = [];
let requests = [];

before(async () => {
  cluster = await Cluster.up();
  wire = await Wire.to(Number(cluster.server.port));
  browser = await launch();
  page = await open({ viewport: { width: 1280, height: 800 } });
});

after(async () => {
  await browser?.close();
  wire?.close();
  await cluster?.down();
});

async function open(options) {
  const page = await blank(browser, cluster.server, options);
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.stack ?? error.message));
  page.on("request", (request) => requests.push(request.url()));
  return page;
}

const ours = (url) => url.replace(`:${cluster.server.port}/`, `:${wire.port}/`);

/** Where a pod is in the picture: a node's name, "" for the strip, null for nowhere. */
const placeOf = (name) => page.evaluate((key) => {
  const { scene } = globalThis.timonier;
  const sprite = scene.pods.get(key);
  return sprite ? sprite.place.name : null;
}, `default/${name}`);
const sees = (predicate, argument, options) => page.waitForFunction(predicate, argument, { polling: "raf", ...options });
const placed = (name, place) => sees(([key, place]) => globalThis.timonier.scene.pods.get(key)?.place.name === place, [`default/${name}`, place]);
const looks = (name, look) => sees(([key, look]) => globalThis.timonier.scene.pods.get(key)?.pod.look === look, [`default/${name}`, look]);
const gone = (name) => sees((key) => !globalThis.timonier.scene.pods.has(key), `default/${name}`);
const show = (what) => page.evaluate((what) => (location.hash = `open=${what}`), what);

async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], where);
}

test("a link of kctl ui signs in, once, and leaves no trace", async () => {
  link = await cluster.kctl("ui", "--no-open");
  await page.goto(ours(link));
  await page.waitForSelector(".link.live");
  assert.equal(await page.textContent(".who").then((text) => text.includes("admin")), true);
  const kept = await page.evaluate(() => [location.href, JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie].join(" "));
  assert.ok(!kept.includes(cluster.token) && !kept.includes("code="), kept);
  await sees(() => globalThis.timonier.scene.order.length === 3);

  const other = await open();
  const before = complaints;
  complaints = [];
  await other.goto(ours(link));
  await other.waitForSelector("text=That link was used already");
  assert.equal(complaints.length, 1, `one refusal: ${complaints}`);
  await accessible(other, "signing in");
  complaints = before;
  await other.fill("#token", "nobody's");
  await other.click("button[type=submit]");
  await other.waitForSelector("text=The server does not know this token.");
  complaints = before.filter((text) => !text.includes("401"));
  await other.fill("#token", cluster.token);
  await other.click("button[type=submit]");
  await other.waitForSelector(".link.live");
  await other.context().close();
});

test("the page comes with a policy that loads nothing from elsewhere, and is not sent twice", async () => {
  const answer = await page.request.get(ours(`${cluster.server.origin}/ui/`));
  const policy = answer.headers()["content-security-policy"];
  assert.match(policy, /default-src 'none'/);
  assert.ok(!/unsafe|http|\*/.test(policy), policy);
  const again = await page.request.get(answer.url(), { headers: { "if-none-match": answer.headers().etag } });
  assert.equal(again.status(), 304);
  const script = /assets\/[^"]+\.js/.exec(await answer.text())[0];
  const asset = await page.request.get(new URL(script, answer.url()).href);
  assert.match(asset.headers()["cache-control"], /immutable/);
  assert.equal(asset.headers()["content-encoding"], "br");
  assert.ok(requests.every((url) => new URL(url).hostname === "127.0.0.1"), "everything comes from the server");
});

test("a pod that waits says why, and moves to its node when it can", async () => {
  await cluster.apply(pod("picky", { nodeSelector: { disk: "ssd" } }));
  await placed("picky", "");
  await show("Pod/default/picky");
  await page.waitForSelector(".why >> text=/0\\/3 nodes are available.*affinity|selector/");
  await page.waitForSelector(".why >> text=/3 nodes .*: wants the label disk=ssd, which is not there/");
  assert.match(await page.textContent(".why .change"), /^Label node \S+ disk=ssd\.$/);
  const [label, again] = await page.$$eval(".why > .command code", (all) => all.map((code) => code.textContent));
  assert.equal(again, "kctl why pod/picky -n default");
  assert.match(await cluster.kctl(...again.split(" ").slice(1)), /The smallest change after which it fits:\n  Label node/);
  await page.evaluate(() => {
    const { scene } = globalThis.timonier;
    globalThis.moved = [];
    const apply = scene.apply;
    scene.apply = function (...args) {
      apply.apply(this, args);
      for (const sprite of this.moving) globalThis.moved.push(sprite.pod.key);
    };
  });
  const node = label.split(" ")[4];
  await cluster.kctl(...label.split(" ").slice(1));
  await placed("picky", node);
  assert.ok((await page.evaluate(() => globalThis.moved)).includes("default/picky"), "it was seen to move");
  await looks("picky", 3);
  await page.waitForSelector(".why", { state: "detached" });
  await page.waitForSelector("dd >> text=Running");
  await page.waitForSelector(".events >> text=Scheduled");
  await page.click("summary >> text=YAML");
  assert.match(await page.textContent(".yaml > pre"), /nodeSelector:\n\s+disk: ssd/);
  assert.doesNotMatch(await page.textContent(".yaml > pre"), /managedFields/);
  assert.match(await page.textContent(".yaml summary >> text=/Managed/"), /\(\d\)/);
});

test("pods fail and vanish as they do", async () => {
  await cluster.apply({ apiVersion: "v1", kind: "Node", metadata: { name: "by-hand" }, spec: { unschedulable: true } });
  await cluster.apply(pod("doomed", { nodeName: "by-hand" }));
  await placed("doomed", "by-hand");
  await looks("doomed", 1);
  await cluster.kctl("patch", "pod", "doomed", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status: { phase: "Failed", reason: "Evicted" } }));
  await looks("doomed", 5);
  await page.fill("#search", "status:failing");
  await page.waitForSelector("#found >> text=1 pods");
  await page.waitForFunction(() => new URLSearchParams(location.hash.slice(1)).get("q") === "status:failing");
  await page.fill("#search", "");
  await cluster.kctl("delete", "pod", "doomed", "--grace-period=0", "--force");
  await gone("doomed");
  await cluster.kctl("delete", "node", "by-hand");
  await sees(() => globalThis.timonier.scene.order.length === 3);
});

test("a watch that is cut says so, and goes on where it was", async () => {
  const before = complaints;
  requests = [];
  wire.cut();
  await page.waitForSelector(".link.disconnected");
  await cluster.apply(pod("meanwhile"));
  await cluster.kctl("delete", "pod", "picky", "--grace-period=0", "--force");
  assert.equal(await placeOf("meanwhile"), null);
  wire.mend();
  await page.waitForSelector(".link.live");
  await looks("meanwhile", 3);
  await gone("picky");
  const asked = requests.map((url) => new URL(url)).filter(({ pathname }) => pathname === "/api/v1/pods");
  assert.ok(asked.length > 0 && asked.every(({ searchParams }) => searchParams.get("watch") === "true"), `no new list: ${asked}`);
  // The browser itself notes each request that fails.
  complaints = before.filter((text) => !text.includes("net::ERR"));
  complaints = complaints.filter((text) => !text.includes("net::ERR"));
});

test("scale by click", async () => {
  await cluster.apply(deployment("web", 2));
  await sees(() => [...globalThis.timonier.scene.pods.values()].filter(({ pod }) => pod.owner === "Deployment/web" && pod.look === 3).length === 2);
  await show("Deployment/default/web");
  await page.click(".deeds >> text=Scale…");
  await page.fill("#number", "5");
  await page.waitForSelector(".words >> text=3 pods more");
  assert.equal(await page.textContent(".command code"), "kctl scale deployment/web --replicas=5");
  await accessible(page, "asking");
  await page.click("dialog button[type=submit]");
  await sees(() => [...globalThis.timonier.scene.pods.values()].filter(({ pod }) => pod.owner === "Deployment/web").length === 5);
  await page.waitForSelector("dd >> text=5 of 5 ready");
  await page.waitForSelector(".band.rollouts", { state: "attached" });
  assert.match(await cluster.kctl("get", "deployment", "web", "--no-headers"), /5\/5/);
});

test("the chain of owners leads from a pod to its Deployment", async () => {
  const name = await page.evaluate(() => [...globalThis.timonier.scene.pods.values()].find(({ pod }) => pod.owner === "Deployment/web").pod.key);
  await show(`Pod/${name}`);
  await page.waitForSelector(".owners >> text=ReplicaSet");
  await page.click(".owners >> text=Deployment web");
  await page.waitForSelector("h2 >> text=web");
  assert.equal(new URLSearchParams(new URL(page.url()).hash.slice(1)).get("open"), "Deployment/default/web");
});

test("the cluster is shown as it was", async () => {
  const then = Date.now();
  const count = await page.evaluate(() => globalThis.timonier.scene.pods.size);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await cluster.kctl("delete", "deployment", "web");
  await sees(() => ![...globalThis.timonier.scene.pods.values()].some(({ pod }) => pod.owner === "Deployment/web"));
  await page.evaluate((at) => (location.hash = `at=${at}`), new Date(then).toISOString());
  await sees((count) => globalThis.timonier.scene.pods.size === count, count);
  await page.waitForSelector("body.past");
  const name = await page.evaluate(() => [...globalThis.timonier.scene.pods.values()].find(({ pod }) => pod.owner === "Deployment/web").pod.key);
  await page.evaluate((open) => (location.hash = `${location.hash.slice(1)}&open=${open}`), `Pod/${name}`);
  await page.waitForSelector("text=This is how it was.");
  assert.equal(await page.locator(".deeds").count(), 0);
  await page.click(".slider button");
  await sees((count) => globalThis.timonier.scene.pods.size < count, count);
  await page.waitForSelector("text=It does not exist.");
  // The slider does the same.
  await page.focus("#time");
  await page.keyboard.press("ArrowLeft");
  await page.waitForSelector("body.past");
  await page.keyboard.press("End");
  await page.waitForSelector("body:not(.past)");
  // The pod that is opened is not there at each of these times, which the browser notes.
  complaints = complaints.filter((text) => !text.includes("404"));
});

test("everything is there by keyboard, for screen readers, in dark and on a phone", async () => {
  await page.evaluate(() => (location.hash = ""));
  await page.focus("canvas[role=application]");
  await page.keyboard.press("ArrowRight");
  assert.match(await page.textContent("#spoken"), /^Node hollow-1: ready, simulated, \d+ pods/);
  await page.keyboard.press("ArrowRight");
  assert.match(await page.textContent("#spoken"), /^Node hollow-2/);
  await page.keyboard.press("Enter");
  await page.waitForSelector("h2 >> text=hollow-2");
  await page.waitForSelector(".deeds >> text=Cordon…");
  await accessible(page, "light, with a panel");
  await page.click(".deeds >> text=Cordon…");
  await page.waitForSelector(".words >> text=No new pods come to hollow-2");
  await page.keyboard.press("Enter");
  await sees(() => globalThis.timonier.scene.places.get("hollow-2").node.unschedulable);
  await page.click(".deeds >> text=Uncordon…");
  await page.keyboard.press("Enter");
  await sees(() => !globalThis.timonier.scene.places.get("hollow-2").node.unschedulable);
  await page.emulateMedia({ colorScheme: "dark" });
  await accessible(page, "dark");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#panel", { state: "hidden" });
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.setViewportSize({ width: 390, height: 780 });
  await accessible(page, "390 px");
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `${wide} px`);
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });
});

test("who may not do something is told so", async () => {
  await cluster.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "guest", namespace: "default" } });
  const token = await cluster.kctl("create", "token", "guest");
  const before = complaints;
  complaints = [];
  const guest = await open();
  await guest.goto(ours(`${cluster.server.origin}/ui/`));
  await guest.fill("#token", token);
  await guest.click("button[type=submit]");
  await guest.waitForSelector(".notice >> text=/cannot list resource/");
  complaints = before;
  // Who may look, but not touch.
  const role = { apiVersion: "rbac.authorization.k8s.io/v1", metadata: { name: "guest" } };
  const subjects = [{ kind: "ServiceAccount", name: "guest", namespace: "default" }];
  await cluster.apply(
    { ...role, kind: "ClusterRole", rules: [{ apiGroups: ["", "apps"], resources: ["*"], verbs: ["get", "list", "watch"] }] },
    { ...role, kind: "ClusterRoleBinding", roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "guest" }, subjects });
  await guest.reload();
  await guest.fill("#token", token);
  await guest.click("button[type=submit]");
  await guest.waitForSelector(".link.live");
  await guest.evaluate(() => (location.hash = "open=Node//hollow-1"));
  await guest.waitForSelector(".deeds button[disabled][title]:not([title=''])");
  await guest.context().close();
});

test("history that is gone means a new list, and failing nodes and evictions are bands", async () => {
  const etcd = await Etcd.up();
  const other = await Cluster.up(2, ["--store", etcd.url, "--history", "*=1s", "--node-monitor-grace-period", "3s"]);
  const line = await Wire.to(Number(other.server.port));
  const tab = await open();
  const before = complaints;
  try {
    await tab.goto(`https://127.0.0.1:${line.port}/ui/`);
    await tab.fill("#token", other.token);
    await tab.click("button[type=submit]");
    await tab.waitForSelector(".link.live");
    const shows = (name, there) => tab.waitForFunction(
      ([key, there]) => globalThis.timonier.scene.pods.has(key) === there, [`default/${name}`, there], { polling: "raf" });
    await other.apply(pod("early"));
    await shows("early", true);

    requests = [];
    line.cut();
    await tab.waitForSelector(".link.disconnected");
    const seen = await other.kctl("get", "pod", "early", "-o", "jsonpath={.metadata.resourceVersion}");
    await other.kctl("delete", "pod", "early", "--grace-period=0", "--force");
    await other.apply(pod("late"));
    // What a watch from there is told: reads of the past end a moment before watches do.
    const from = `${other.server.origin}/api/v1/pods?watch=true&timeoutSeconds=1&resourceVersion=${seen}`;
    const told = async () => (await tab.request.get(from, { headers: { authorization: `Bearer ${other.token}` } })).text();
    while (!(await told()).includes('"code":410')) await new Promise((resolve) => setTimeout(resolve, 100));
    line.mend();
    await tab.waitForSelector(".link.live");
    await shows("late", true);
    await shows("early", false);
    const lists = requests.map((url) => new URL(url)).filter(({ pathname, searchParams }) => pathname === "/api/v1/pods" && !searchParams.has("watch"));
    assert.ok(lists.length > 0, "the pods were listed again");

    await other.apply({ apiVersion: "v1", kind: "Node", metadata: { name: "silent" } });
    await other.kctl("patch", "node", "silent", "--subresource=status", "--type=merge", "-p",
      JSON.stringify({ status: { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", lastHeartbeatTime: new Date().toISOString() }] } }));
    await other.kctl("taint", "node", "hollow-1", "hollow-2", "away=yes:NoExecute");
    await shows("late", false);
    await tab.waitForSelector(".band.evictions", { state: "attached" });
    await tab.waitForSelector(".band.nodes", { state: "attached", timeout: 60_000 });
    assert.match(await tab.textContent(".band.nodes title"), /Node silent: NodeNotReady/);
  } finally {
    complaints = before.filter((text) => !text.includes("net::ERR"));
    line.close();
    await tab.context().close();
    await other.down();
    await etcd.down();
  }
});

test("2,000 pods come and go", async (t) => {
  const environment = { ...process.env, TIMONIER_SERVER: cluster.server.origin, TIMONIER_TOKEN: cluster.token };
  const script = fileURLToPath(new URL("../../tools/scale.mjs", import.meta.url));
  await page.evaluate(() => (location.hash = ""));
  const scale = spawn(process.execPath, [script, "--nodes", "103", "--pods", "2000", "--churn", "6"], { env: environment, stdio: "inherit" });
  const ended = new Promise((resolve) => scale.on("close", resolve));
  await sees(() => globalThis.timonier.scene.pods.size >= 2000, null, { timeout: 120_000 });
  const { frames, shown, spent } = await page.evaluate(async () => {
    const { stage } = globalThis.timonier;
    const began = performance.now();
    const [drawn, took] = [stage.frames, stage.spent];
    let frames = 0;
    await new Promise((resolve) => {
      const frame = () => (frames++, performance.now() - began < 3000 ? requestAnimationFrame(frame) : resolve());
      requestAnimationFrame(frame);
    });
    const seconds = (performance.now() - began) / 1000;
    return { frames: frames / seconds, shown: (stage.frames - drawn) / seconds, spent: (stage.spent - took) / Math.max(1, stage.frames - drawn) };
  });
  t.diagnostic(`2,000 pods on 106 nodes while some move: ${frames.toFixed(0)} frames/s, ${shown.toFixed(0)} drawn, ${spent.toFixed(1)} ms each`);
  assert.equal(await ended, 0);
  await sees(() => globalThis.timonier.scene.moving.size + globalThis.timonier.scene.fading.size === 0);
});

test("the console is silent", () => {
  assert.deepEqual(complaints, []);
});
