"""What people do with the Python client, against a real cluster: typed, dynamic, watching, applying, executing.

usage: suite.py KUBECONFIG NAMESPACE IMAGE CASE...   (prints each case that holds; the first that does not ends it)
"""

import contextlib
import sys
import time

from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from kubernetes.stream import portforward, stream

PATIENCE = 120


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def refused(status, call, *args, **kwargs):
    """The error of a call that must fail with this HTTP status."""
    try:
        answer = call(*args, **kwargs)
    except ApiException as error:
        expect(error.status == status, f"want {status}: {error}")
        return error
    raise AssertionError(f"want {status}, got {answer}")


def eventually(what, look):
    end = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        expect(time.monotonic() < end, what)
        time.sleep(0.1)


class Suite:
    def __init__(self, namespace, image):
        self.namespace, self.image = namespace, image
        self.core, self.apps = client.CoreV1Api(), client.AppsV1Api()

    def pod(self, name, script="sleep 3600"):
        container = client.V1Container(
            name="main", image=self.image, image_pull_policy="Never", command=["sh", "-c", script]
        )
        spec = client.V1PodSpec(containers=[container], termination_grace_period_seconds=0)
        return client.V1Pod(metadata=client.V1ObjectMeta(name=name, labels={"by": "python"}), spec=spec)

    def running(self, name):
        def look():
            pod = self.core.read_namespaced_pod(name, self.namespace)
            return pod if pod.status.phase == "Running" else None

        return eventually(f"{name} runs", look)

    def typed(self):
        core, namespace = self.core, self.namespace
        wanted = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="typed", labels={"a": "b"}), data={"k": "1"})
        made = core.create_namespaced_config_map(namespace, wanted)
        expect(made.metadata.uid and made.metadata.creation_timestamp.tzinfo, made)
        error = refused(409, core.create_namespaced_config_map, namespace, wanted)
        expect("AlreadyExists" in error.body, error)
        patched = core.patch_namespaced_config_map("typed", namespace, {"data": {"l": "2"}})
        expect(patched.data == {"k": "1", "l": "2"}, patched.data)
        refused(409, core.replace_namespaced_config_map, "typed", namespace, made)
        patched.data = {"m": "3"}
        expect(core.replace_namespaced_config_map("typed", namespace, patched).data == {"m": "3"}, "replaced")
        found = core.list_namespaced_config_map(namespace, label_selector="a=b", field_selector="metadata.name=typed")
        expect([item.metadata.name for item in found.items] == ["typed"], found)
        secret = client.V1Secret(metadata=client.V1ObjectMeta(name="typed"), string_data={"user": "me"})
        expect(core.create_namespaced_secret(namespace, secret).data == {"user": "bWU="}, "stringData is folded")
        bad = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="Not Allowed"))
        expect("metadata.name" in refused(422, core.create_namespaced_config_map, namespace, bad).body, "is named")
        core.delete_namespaced_config_map("typed", namespace)
        refused(404, core.read_namespaced_config_map, "typed", namespace)
        expect(client.VersionApi().get_code().major == "1", "version")

    def deployments(self):
        apps, namespace = self.apps, self.namespace
        labels = {"app": "python"}
        template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=labels), spec=self.pod("x").spec)
        spec = client.V1DeploymentSpec(
            replicas=1, selector=client.V1LabelSelector(match_labels=labels), template=template
        )
        apps.create_namespaced_deployment(
            namespace, client.V1Deployment(metadata=client.V1ObjectMeta(name="python"), spec=spec)
        )
        ready = lambda count: lambda: (
            apps.read_namespaced_deployment_status("python", namespace).status.available_replicas == count
        )
        eventually("the deployment is available", ready(1))
        apps.patch_namespaced_deployment_scale("python", namespace, {"spec": {"replicas": 2}})
        expect(apps.read_namespaced_deployment_scale("python", namespace).spec.replicas == 2, "scaled")
        eventually("both are available", ready(2))
        apps.delete_namespaced_deployment("python", namespace, propagation_policy="Foreground")
        left = lambda: not self.core.list_namespaced_pod(namespace, label_selector="app=python").items
        eventually("its pods are gone", left)

    def watching(self):
        core, namespace = self.core, self.namespace
        start = core.list_namespaced_pod(namespace, label_selector="by=python").metadata.resource_version
        core.create_namespaced_pod(namespace, self.pod("watched"))
        seen = []
        watching = watch.Watch()
        for event in watching.stream(
            core.list_namespaced_pod,
            namespace,
            label_selector="by=python",
            resource_version=start,
            timeout_seconds=PATIENCE,
        ):
            seen.append(event["type"])
            pod = event["object"]
            expect(isinstance(pod, client.V1Pod) and pod.metadata.name == "watched", pod)
            if event["type"] == "MODIFIED" and pod.status.phase == "Running" and not pod.metadata.deletion_timestamp:
                core.delete_namespaced_pod("watched", namespace)
            if event["type"] == "DELETED":
                watching.stop()
        expect(seen[0] == "ADDED" and seen[-1] == "DELETED", seen)

    def logs(self):
        core, namespace = self.core, self.namespace
        core.create_namespaced_pod(namespace, self.pod("talker", "echo one; echo two; sleep 3600"))
        self.running("talker")
        eventually("both lines", lambda: core.read_namespaced_pod_log("talker", namespace) == "one\ntwo\n")
        expect(core.read_namespaced_pod_log("talker", namespace, tail_lines=1) == "two\n", "tail")
        for line in watch.Watch().stream(core.read_namespaced_pod_log, "talker", namespace, follow=True):
            expect(line == "one", line)
            break
        core.delete_namespaced_pod("talker", namespace)

    def dynamic(self):
        anything = dynamic.DynamicClient(client.ApiClient())
        maps = anything.resources.get(api_version="v1", kind="ConfigMap")
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "dynamic", "namespace": self.namespace},
            "data": {"k": "1"},
        }
        made = maps.create(body=body, namespace=self.namespace)
        expect(made.data.k == "1" and made.metadata.uid, made)
        start = made.metadata.resourceVersion
        patch = {"data": {"k": "2"}}
        maps.patch(
            name="dynamic", namespace=self.namespace, body=patch, content_type="application/merge-patch+json"
        )
        for event in maps.watch(namespace=self.namespace, name="dynamic", resource_version=start, timeout=PATIENCE):
            expect(event["type"] == "MODIFIED" and event["object"].data.k == "2", event)
            break
        maps.delete(name="dynamic", namespace=self.namespace)
        try:
            maps.get(name="dynamic", namespace=self.namespace)
            raise AssertionError("it is still there")
        except NotFoundError:
            pass
        deployments = anything.resources.get(api_version="apps/v1", kind="Deployment")
        expect(deployments.namespaced and "scale" in deployments.subresources, deployments.subresources)

    def applying(self):
        anything = dynamic.DynamicClient(client.ApiClient())
        maps = anything.resources.get(api_version="v1", kind="ConfigMap")

        def apply(manager, data, **more):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": data}
            return maps.server_side_apply(
                body=body, name="applied", namespace=self.namespace, field_manager=manager, **more
            )

        apply("one", {"a": "1", "b": "1"})
        expect(apply("two", {"c": "2"}).data.to_dict() == {"a": "1", "b": "1", "c": "2"}, "both own theirs")
        try:
            apply("two", {"a": "2", "c": "2"})
            raise AssertionError("a conflict was overlooked")
        except ConflictError as error:
            expect("conflict with" in str(error.body) and "one" in str(error.body), error.body)
        forced = apply("two", {"a": "2", "c": "2"}, force_conflicts=True)
        expect(forced.data.a == "2", forced)
        expect(apply("one", {"b": "1"}).data.to_dict() == {"a": "2", "b": "1", "c": "2"}, "a is another's now")
        owners = {entry.manager for entry in maps.get(name="applied", namespace=self.namespace).metadata.managedFields}
        expect(owners == {"one", "two"}, owners)
        maps.delete(name="applied", namespace=self.namespace)

    def tokens(self):
        core, namespace = self.core, self.namespace
        core.create_namespaced_service_account(
            namespace, client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="robot"))
        )
        spec = client.V1TokenRequestSpec(audiences=[], expiration_seconds=600)
        answer = core.create_namespaced_service_account_token(
            "robot", namespace, client.AuthenticationV1TokenRequest(spec=spec)
        )
        admin, own = client.Configuration.get_default_copy(), client.Configuration()
        own.host, own.ssl_ca_cert = admin.host, admin.ssl_ca_cert
        own.api_key = {"authorization": f"Bearer {answer.status.token}"}
        as_robot = client.CoreV1Api(client.ApiClient(own))
        error = refused(403, as_robot.list_namespaced_pod, namespace)
        expect(f"system:serviceaccount:{namespace}:robot" in error.body, error.body)
        core.delete_namespaced_service_account("robot", namespace)
        refused(401, as_robot.list_namespaced_pod, namespace)

    def executing(self):
        core, namespace = self.core, self.namespace
        core.create_namespaced_pod(namespace, self.pod("shell"))
        self.running("shell")
        said = stream(
            core.connect_get_namespaced_pod_exec,
            "shell",
            namespace,
            command=["sh", "-c", "echo out; echo err >&2"],
            stderr=True,
            stdin=False,
            stdout=True,
            tty=False,
        )
        expect(sorted(said.split()) == ["err", "out"], said)
        session = stream(
            core.connect_get_namespaced_pod_exec,
            "shell",
            namespace,
            command=["sh"],
            stderr=True,
            stdin=True,
            stdout=True,
            tty=False,
            _preload_content=False,
        )
        session.write_stdin("echo hello $((40 + 2))\n")
        expect(session.readline_stdout(timeout=PATIENCE) == "hello 42", "the shell answers")
        session.write_stdin("exit 7\n")
        session.run_forever(timeout=PATIENCE)
        expect(session.returncode == 7, session.returncode)
        core.delete_namespaced_pod("shell", namespace)

    def forwarding(self):
        core, namespace = self.core, self.namespace
        script = "mkdir /tmp/www && echo served > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www"
        core.create_namespaced_pod(namespace, self.pod("server", script))
        self.running("server")

        def page():
            forward = portforward(core.connect_get_namespaced_pod_portforward, "server", namespace, ports="8080")
            with contextlib.closing(forward.socket(8080)) as socket:
                socket.settimeout(PATIENCE)
                socket.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
                answer = b""
                while part := socket.recv(4096):
                    answer += part
            return answer if b"served" in answer else None

        eventually("the page comes through the tunnel", page)
        core.delete_namespaced_pod("server", namespace)


def main():
    kubeconfig, namespace, image, *cases = sys.argv[1:]
    config.load_kube_config(kubeconfig)
    suite = Suite(namespace, image)
    for case in cases:
        getattr(suite, case)()
        print(case, flush=True)


if __name__ == "__main__":
    main()
