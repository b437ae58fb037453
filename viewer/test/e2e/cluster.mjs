// A hollow cluster of its own, and a wire to it that can be cut.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../../target", import.meta.url));
const etcdTool = fileURLToPath(new URL("../../../tools/etcd", import.meta.url));
const kctl = process.env.TIMONIER_KCTL ?? join(target, "debug/kctl");

export class Cluster {
  /** Nodes that are written by hand have no agent that would send heartbeats: by default they are let be. */
  static async up(nodes = 3, flags = ["--node-monitor-grace-period", "1h"]) {
    const dir = mkdtempSync(join(tmpdir(), "timonier-viewer-e2e-"));
    const cluster = new Cluster(dir);
    await run(kctl, ["up", "--detach", "--port", "0", "--runtime", "hollow", "--nodes", String(nodes), "--state-dir", dir, ...flags]);
    const kubeconfig = readFileSync(join(dir, "kubeconfig"), "utf8");
    cluster.server = new URL(/server: (\S+)/.exec(kubeconfig)[1]);
    cluster.token = /token: (\S+)/.exec(kubeconfig)[1];
    return cluster;
  }

  constructor(dir) {
    this.dir = dir;
  }

  async kctl(...args) {
    const { stdout } = await run(kctl, ["--kubeconfig", join(this.dir, "kubeconfig"), ...args]);
    return stdout.trim();
  }

  async apply(...objects) {
    const child = execFile(kctl, ["--kubeconfig", join(this.dir, "kubeconfig"), "apply", "-f", "-"]);
    let said = "";
    child.stderr.on("data", (chunk) => (said += chunk));
    child.stdin.end(objects.map((object) => JSON.stringify(object)).join("\n---\n"));
    const code = await new Promise((resolve) => child.on("close", resolve));
    if (code !== 0) throw new Error(said);
  }

  async down() {
    await run(kctl, ["down", "--purge", "--state-dir", this.dir]).catch((error) => console.error(error.stderr));
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** An etcd, whose history ends when it is told to: the embedded store drops it only by whole files. */
export class Etcd {
  static async up() {
    const etcd = new Etcd();
    etcd.dir = mkdtempSync(join(tmpdir(), "timonier-viewer-etcd-"));
    const { stdout } = await run(etcdTool, ["start", etcd.dir]);
    etcd.url = `${stdout.trim()}/viewer`;
    return etcd;
  }

  async down() {
    await run(etcdTool, ["stop", this.dir]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Passes bytes on to a server, until it is cut. */
export class Wire {
  static async to(port) {
    const wire = new Wire();
    wire.sockets = new Set();
    wire.whole = true;
    wire.listener = createServer((client) => {
      if (!wire.whole) return client.destroy();
      const server = connect(port, "127.0.0.1");
      for (const [one, other] of [[client, server], [server, client]]) {
        wire.sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => (wire.sockets.delete(one), other.destroy()));
      }
      client.pipe(server).pipe(client);
    });
    await new Promise((resolve) => wire.listener.listen(0, "127.0.0.1", resolve));
    wire.port = wire.listener.address().port;
    return wire;
  }

  cut() {
    this.whole = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() {
    this.whole = true;
  }

  close() {
    this.cut();
    this.listener.close();
  }
}

export function pod(name, more = {}, labels = { app: name }) {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default", labels },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "main", image: "hollow" }], ...more } };
}

export function deployment(name, replicas) {
  const labels = { app: name };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace: "default", labels },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels },
      spec: { terminationGracePeriodSeconds: 0, containers: [{ name: "main", image: "hollow", resources: { requests: { cpu: "10m" } } }] } } } };
}
