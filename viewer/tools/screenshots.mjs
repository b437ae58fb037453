// Takes the pictures that README.md shows: four web servers of which one has no free port, and a cluster of a hundred nodes.
// usage: node tools/screenshots.mjs [FOLDER]     needs kctl (TIMONIER_KCTL), Chromium, and pngquant where it is there
import { spawnSync } from "node:child_process";
import { mkdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { blank, launch } from "../test/e2e/browsing.mjs";
import { Cluster } from "../test/e2e/cluster.mjs";

const out = process.argv[2] ?? fileURLToPath(new URL("../../docs", import.meta.url));

/** Four replicas that all want port 80 of their node. */
const httpd = {
  apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "httpd", namespace: "default", labels: { app: "httpd" } },
  spec: { replicas: 4, selector: { matchLabels: { app: "httpd" } }, template: { metadata: { labels: { app: "httpd" } },
    spec: { containers: [{ name: "httpd", image: "httpd:2.4", ports: [{ containerPort: 80, hostPort: 80 }], resources: { requests: { cpu: "250m", memory: "128Mi" } } }] } } },
};

async function signedIn(browser, cluster, options) {
  const page = await blank(browser, cluster.server, options);
  await page.goto(await cluster.kctl("ui", "--no-open"));
  await page.waitForSelector(".link.live");
  return page;
}

function keep(name) {
  const path = `${out}/${name}.png`;
  spawnSync("pngquant", ["--force", "--skip-if-larger", "--output", path, "--quality", "60-95", path]);
  console.log(`${path}: ${Math.round(statSync(path).size / 1024)} KB`);
}

mkdirSync(out, { recursive: true });
const cluster = await Cluster.up();
const browser = await launch();
try {
  await cluster.apply(httpd);
  let shown = await signedIn(browser, cluster, { viewport: { width: 1100, height: 680 } });
  await shown.waitForFunction(() => globalThis.timonier.scene.pods.size === 4 && globalThis.timonier.scene.strip.pods.count === 1
    && [...globalThis.timonier.scene.pods.values()].filter(({ pod }) => pod.look === 3).length === 3);
  const waiting = await shown.evaluate(() => globalThis.timonier.scene.strip.pods.places.find((sprite) => sprite).pod.key);
  await shown.evaluate((key) => (location.hash = `open=Pod/${key}`), waiting);
  await shown.waitForSelector(".why >> text=free ports");
  await shown.waitForSelector(".events li");
  await shown.waitForTimeout(500);
  await shown.screenshot({ path: `${out}/viewer-pending.png` });
  keep("viewer-pending");
  await shown.context().close();

  shown = await signedIn(browser, cluster, { viewport: { width: 1100, height: 720 }, colorScheme: "dark" });
  const env = { ...process.env, TIMONIER_SERVER: cluster.server.origin, TIMONIER_TOKEN: cluster.token };
  spawnSync(process.execPath, [fileURLToPath(new URL("scale.mjs", import.meta.url))], { env, stdio: "inherit" });
  await shown.waitForFunction(() => globalThis.timonier.scene.pods.size >= 2000, null, { timeout: 120_000 });
  await shown.waitForTimeout(1500);
  await shown.screenshot({ path: `${out}/viewer-scale.png` });
  keep("viewer-scale");
} finally {
  await browser.close();
  await cluster.down();
}
