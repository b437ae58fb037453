// What people do with the JavaScript client, against a real cluster: typed calls, patches, applying, watching, an informer.
//
// usage: node informer.mjs MODULES KUBECONFIG NAMESPACE   (prints each case that holds; the first that does not ends it)

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, kubeconfig, namespace] = process.argv.slice(2);
const k8s = await import(pathToFileURL(createRequire(`${modules}/`).resolve('@kubernetes/client-node')));

const PATIENCE = 120_000;

function expect(holds, what) {
  if (!holds) throw new Error(what);
}

async function refused(status, call) {
  try {
    await call();
  } catch (error) {
    expect(error.code === status, `want ${status}: ${error}`);
    return error;
  }
  throw new Error(`want ${status}, it succeeded`);
}

async function eventually(what, look) {
  const end = Date.now() + PATIENCE;
  while (!(await look())) {
    expect(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const config = new k8s.KubeConfig();
config.loadFromFile(kubeconfig);
const core = config.makeApiClient(k8s.CoreV1Api);
const as = (strategy) => k8s.setHeaderOptions('Content-Type', strategy);
const map = (name, data) => ({ metadata: { name, labels: { by: 'javascript' } }, data });

const cases = {
  async typed() {
    const made = await core.createNamespacedConfigMap({ namespace, body: map('typed', { a: '1' }) });
    expect(made.metadata.uid && made.metadata.creationTimestamp instanceof Date, 'it is completed');
    await refused(409, () => core.createNamespacedConfigMap({ namespace, body: map('typed', {}) }));
    const error = await refused(422, () => core.createNamespacedConfigMap({ namespace, body: map('Not Allowed', {}) }));
    expect(JSON.stringify(error.body).includes('metadata.name'), `${error}`);
    const list = await core.listNamespacedConfigMap({ namespace, labelSelector: 'by=javascript', limit: 1 });
    expect(list.items.length === 1 && list.items[0].metadata.name === 'typed', 'it is listed');
    await core.deleteNamespacedConfigMap({ name: 'typed', namespace });
    await refused(404, () => core.readNamespacedConfigMap({ name: 'typed', namespace }));
  },

  async patches() {
    const name = 'patched';
    await core.createNamespacedConfigMap({ namespace, body: map(name, { a: '1' }) });
    const patch = (body, strategy, more) =>
      core.patchNamespacedConfigMap({ name, namespace, body, ...more }, as(strategy));
    await patch([{ op: 'add', path: '/data/b', value: '2' }], k8s.PatchStrategy.JsonPatch);
    await patch({ data: { c: '3' } }, k8s.PatchStrategy.MergePatch);
    await patch({ data: { a: null } }, k8s.PatchStrategy.StrategicMergePatch);
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { d: '4' } };
    const applied = await patch(body, k8s.PatchStrategy.ServerSideApply, { fieldManager: 'stranger', force: true });
    expect(JSON.stringify(applied.data) === '{"b":"2","c":"3","d":"4"}', JSON.stringify(applied.data));
    expect(applied.metadata.managedFields.some((entry) => entry.manager === 'stranger'), 'the applier is an owner');
    const other = { ...body, data: { d: '5' } };
    const error = await refused(409, () => patch(other, k8s.PatchStrategy.ServerSideApply, { fieldManager: 'other' }));
    expect(JSON.stringify(error.body).includes('.data.d'), `${error}`);
    await core.deleteNamespacedConfigMap({ name, namespace });
  },

  async watching() {
    const seen = [];
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const query = { labelSelector: 'by=javascript', allowWatchBookmarks: true };
    const request = await new k8s.Watch(config).watch(path, query, (type, object) => seen.push(`${type} ${object.metadata.name}`), () => {});
    await core.createNamespacedConfigMap({ namespace, body: map('watched', {}) });
    await core.deleteNamespacedConfigMap({ name: 'watched', namespace });
    await eventually('it is seen to go', () => seen.includes('DELETED watched'));
    expect(seen.includes('ADDED watched'), `${seen}`);
    request.abort();
  },

  async informer() {
    const list = () => core.listNamespacedConfigMap({ namespace, labelSelector: 'by=javascript' });
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const informer = k8s.makeInformer(config, path, list, 'by=javascript');
    const seen = [];
    for (const event of ['add', 'update', 'delete']) {
      informer.on(event, (object) => seen.push(`${event} ${object.metadata.name}`));
    }
    await core.createNamespacedConfigMap({ namespace, body: map('before', {}) });
    await informer.start();
    await eventually('what was there is added', () => seen.includes('add before'));
    await core.createNamespacedConfigMap({ namespace, body: map('after', { a: '1' }) });
    await eventually('what comes is added', () => seen.includes('add after'));
    await core.patchNamespacedConfigMap({ name: 'after', namespace, body: { data: { a: '2' } } }, as(k8s.PatchStrategy.MergePatch));
    await eventually('what changes is updated', () => informer.get('after', namespace)?.data.a === '2');
    await core.patchNamespacedConfigMap({ name: 'before', namespace, body: { metadata: { labels: { by: 'nobody' } } } }, as(k8s.PatchStrategy.MergePatch));
    await eventually('what matches no longer is gone', () => informer.get('before', namespace) === undefined);
    await core.deleteNamespacedConfigMap({ name: 'after', namespace });
    await eventually('what is deleted is gone', () => informer.list(namespace).length === 0);
    expect(seen.includes('update after') && seen.includes('delete before'), `${seen}`);
    await informer.stop();
    await core.deleteNamespacedConfigMap({ name: 'before', namespace });
  },
};

for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
  } catch (error) {
    console.error(`${name}: ${error.stack}`);
    process.exit(1);
  }
  console.log(name);
}
process.exit(0);
