// A large cluster to look at, by plain writes to the API: nodes and pods that nothing runs. For a server of its own, such as
// `kctl up --runtime hollow`; --remove takes everything away again.
// usage: TIMONIER_SERVER=… TIMONIER_TOKEN=… node tools/scale.mjs [--nodes 103] [--pods 2000] [--churn SECONDS] [--remove]
import { Agent, request } from "node:https";

const server = process.env.TIMONIER_SERVER ?? "https://127.0.0.1:6443";
const token = process.env.TIMONIER_TOKEN ?? "";
const agent = new Agent({ keepAlive: true, maxSockets: 16, rejectUnauthorized: false });
const NAMESPACE = "scale";
const LABEL = "timonier.io/scale";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};

function send(method, path, body, type = "application/json") {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = { authorization: `Bearer ${token}`, ...(text ? { "content-type": type, "content-length": Buffer.byteLength(text) } : {}) };
    const asked = request(new URL(path, server), { method, agent, headers }, (response) => {
      let answer = "";
      response.on("data", (chunk) => (answer += chunk));
      response.on("end", () => {
        // What is there already, or is gone already, is as it should be; who is told to come back later does.
        if (response.statusCode === 429) setTimeout(() => send(method, path, body, type).then(resolve, reject), 500);
        else if (response.statusCode < 300 || [404, 409].includes(response.statusCode)) resolve(answer ? JSON.parse(answer) : {});
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer.slice(0, 300)}`));
      });
    });
    asked.on("error", reject);
    asked.end(text);
  });
}

/** Runs jobs, 16 at a time. */
async function inTurns(count, job) {
  let next = 0;
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (next < count) await job(next++);
  }));
}

const pad = (number) => String(number).padStart(4, "0");
const APPS = ["web", "cart", "search", "pay", "mail", "queue", "cache", "index"];
const now = () => new Date().toISOString().replace(/\.\d+Z/, "Z");

async function node(index) {
  const name = `scale-${pad(index)}`;
  await send("POST", "/api/v1/nodes", { apiVersion: "v1", kind: "Node",
    metadata: { name, labels: { [LABEL]: "true", "kubernetes.io/hostname": name } },
    // Nobody's heartbeat comes from here, so nobody else's pods should come here.
    spec: { taints: [{ key: LABEL, effect: "NoSchedule" }] } });
  await status("PATCH", `/api/v1/nodes/${name}/status`, { status: {
    capacity: { cpu: "16", memory: "64Gi", pods: "110" }, allocatable: { cpu: "16", memory: "64Gi", pods: "110" },
    conditions: [{ type: "Ready", status: "True", reason: "Hollow", lastHeartbeatTime: now(), lastTransitionTime: now() }],
    nodeInfo: { architecture: "", bootID: "", containerRuntimeVersion: "hollow://scale", kernelVersion: "", kubeProxyVersion: "",
      kubeletVersion: "", machineID: "", operatingSystem: "linux", osImage: "simulated", systemUUID: "" } } });
}

const status = (method, path, body) => send(method, path, body, "application/merge-patch+json");

/** `waits`: whether it waits to be bound, as pods do; else it is created where it belongs, which is one request less. */
async function pod(index, nodes, waits) {
  const app = APPS[index % APPS.length];
  const name = `${app}-${pad(index)}`;
  const place = `scale-${pad((index * 7919) % nodes)}`;
  const path = `/api/v1/namespaces/${NAMESPACE}/pods`;
  await send("POST", path, { apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app, [LABEL]: "true" } },
    spec: { schedulerName: "scale", ...(waits ? {} : { nodeName: place }), terminationGracePeriodSeconds: 0, tolerations: [{ operator: "Exists" }],
      containers: [{ name: "main", image: "hollow", resources: { requests: { cpu: "250m", memory: "1Gi" } } }] } });
  return { path: `${path}/${name}`, place };
}

async function bind({ path, place }) {
  const name = path.split("/").pop();
  await send("POST", `${path}/binding`, { apiVersion: "v1", kind: "Binding", metadata: { name }, target: { apiVersion: "v1", kind: "Node", name: place } });
}

async function run({ path }, index) {
  const trouble = index % 97 === 0;
  const ready = !trouble && index % 41 !== 0;
  await status("PATCH", `${path}/status`, { status: { phase: "Running", startTime: now(),
    conditions: [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: now() }],
    containerStatuses: [{ name: "main", image: "hollow", imageID: "", ready, restartCount: trouble ? 5 : 0,
      state: trouble ? { waiting: { reason: "CrashLoopBackOff", message: "back-off 5m0s restarting failed container" } } : { running: { startedAt: now() } } }] } });
}

async function remove() {
  const everything = `labelSelector=${encodeURIComponent(LABEL)}`;
  await send("DELETE", `/api/v1/namespaces/${NAMESPACE}/pods?${everything}&gracePeriodSeconds=0`);
  await send("DELETE", `/api/v1/nodes?${everything}`);
  await send("DELETE", `/api/v1/namespaces/${NAMESPACE}`);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const nodes = option("nodes", 103);
  const pods = option("pods", 2000);
  if (process.argv.includes("--remove")) await remove();
  else {
    await send("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
    await inTurns(nodes, node);
    await inTurns(pods, async (index) => run(await pod(index, nodes, false), index));
    console.log(`${pods} pods on ${nodes} nodes`);
    // Then some come and go, for as long as is asked.
    const until = Date.now() + option("churn", 0) * 1000;
    for (let index = 0; Date.now() < until; index = (index + 1) % pods) {
      const old = `/api/v1/namespaces/${NAMESPACE}/pods/${APPS[index % APPS.length]}-${pad(index)}`;
      await send("DELETE", `${old}?gracePeriodSeconds=0`);
      const again = await pod(index, nodes, true);
      await new Promise((resolve) => setTimeout(resolve, 30));
      await bind({ ...again, place: `scale-${pad(Math.floor(Math.random() * nodes))}` });
      await run(again, index);
    }
  }
  agent.destroy();
}
