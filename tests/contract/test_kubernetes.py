"""The manifests of deploy/k8s: rendered by kubectl, held against the Kubernetes schemas and against each other."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from doorbus import healthcheck
from doorbus.cli import env
from doorbus.cli.app import app
from doorbus.cli.exposition import RECOGNIZERS_BUSY
from doorbus.runtime.settings import CommonSettings
from doorbus.site import acl_emqx
from doorbus.site.certificates import about
from doorbus.testing import matches
from doorbus.wire.channels import CHANNELS, Retain, Role
from doorbus.wire.topics import DEFAULT_TOPICS as TOPICS
from support.channels import topic_of

Resource = dict[str, Any]
OVERLAYS = ("centre", "door-front", "recorder")
WORKLOADS = ("Deployment", "StatefulSet")
SCHEMAS = ("1.30", "1.37")
"""The oldest and the newest Kubernetes that is checked."""
NOT_IN_THE_SCHEMAS = {"ScaledObject"}
"""KEDA's own; what it must agree with is checked below."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """The repository's manifests beside secrets of a site."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(repository / "deploy", root / "deploy")
    told = (repository / "deploy/k8s/example/centre/kustomization.yaml").read_text()
    (command,) = re.findall(r"`doorbus (secrets [^`]+)`", told)
    made = CliRunner().invoke(app, [*command.split(), "--into", str(root / "var" / "secrets")])
    assert made.exit_code == 0, made.output
    for name in ("cookie", "dashboard-password"):
        path = root / "var" / "secrets" / "emqx" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"made-up {name}\n")
    return root


@pytest.fixture(scope="module")
def rendered(site: Path) -> Mapping[str, list[Resource]]:
    """The resources of each overlay."""
    return {name: _render(site / "deploy" / "k8s" / "example" / name) for name in OVERLAYS}


@pytest.fixture(scope="module")
def everything(rendered: Mapping[str, list[Resource]]) -> list[Resource]:
    return [resource for resources in rendered.values() for resource in resources]


def _render(overlay: Path) -> list[Resource]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kubectl = shutil.which("kubectl", path=path)
    assert kubectl, "kubectl: not found; scripts/setup --all installs it"
    command = [kubectl, "kustomize", "--load-restrictor=LoadRestrictionsNone", str(overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


def _of(resources: list[Resource], *kinds: str) -> list[Resource]:
    return [resource for resource in resources if resource["kind"] in kinds]


def _named(resources: list[Resource], kind: str, name: str) -> Resource:
    (found,) = [one for one in _of(resources, kind) if one["metadata"]["name"] == name]
    return found


def _pod(workload: Resource) -> dict[str, Any]:
    pod: dict[str, Any] = workload["spec"]["template"]["spec"]
    return pod


def _containers(workload: Resource) -> Iterator[dict[str, Any]]:
    yield from _pod(workload).get("initContainers", ())
    yield from _pod(workload)["containers"]


@pytest.mark.parametrize("version", SCHEMAS)
def test_every_resource_keeps_to_the_schema(everything: list[Resource], version: str) -> None:
    unknown = set()
    for resource in everything:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.add(resource["kind"])

    assert unknown == NOT_IN_THE_SCHEMAS


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_configuration_and_secret_that_is_named_is_there(
    rendered: Mapping[str, list[Resource]], overlay: str
) -> None:
    resources = rendered[overlay]
    given = {
        (one["kind"], one["metadata"]["name"]): set(one.get("data", {}))
        for one in _of(resources, "ConfigMap", "Secret")
    }
    wanted = [one for workload in _of(resources, *WORKLOADS) for one in _references(workload)]

    assert wanted
    assert [one for one in wanted if one[0:2] not in given or (one[2] and one[2] not in given[one[0:2]])] == []
    assert set(given) == {one[0:2] for one in wanted}


Reference = tuple[str, str, str | None]
"""Kind, name, and key (None for all of them)."""


def _references(workload: Resource) -> Iterator[Reference]:
    """What a workload takes from elsewhere."""
    for container in _containers(workload):
        for variable in container.get("env", ()):
            yield from _behind(
                variable.get("valueFrom", {}), {"Secret": "secretKeyRef", "ConfigMap": "configMapKeyRef"}
            )
    mounts = [mount for container in _containers(workload) for mount in container.get("volumeMounts", ())]
    for volume in _pod(workload).get("volumes", ()):
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"], None
        if "configMap" in volume:
            files = [mount.get("subPath") for mount in mounts if mount["name"] == volume["name"]]
            yield from (("ConfigMap", volume["configMap"]["name"], file) for file in files)
        for source in volume.get("projected", {}).get("sources", ()):
            yield from _behind(source, {"Secret": "secret", "ConfigMap": "configMap"})


def _behind(source: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[Reference]:
    for kind, field in kinds.items():
        if field in source:
            yield kind, source[field]["name"], source[field].get("key")


def test_no_secret_lies_in_the_repository(repository: Path) -> None:
    text = "".join(path.read_text() for path in (repository / "deploy").rglob("*") if path.is_file())

    assert "PRIVATE KEY" not in text
    assert "kind: Secret" not in text


def test_every_mount_has_its_volume_and_every_volume_a_mount(everything: list[Resource]) -> None:
    for workload in _of(everything, *WORKLOADS):
        volumes = [one["name"] for one in _pod(workload).get("volumes", ())]
        claims = [one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", ())]
        mounts = {mount["name"] for one in _containers(workload) for mount in one.get("volumeMounts", ())}

        assert sorted([*volumes, *claims]) == sorted(mounts)


def test_every_selector_selects_the_pods_of_its_namespace_that_it_means(everything: list[Resource]) -> None:
    for workload in _of(everything, *WORKLOADS):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for service in _of(everything, "Service"):
        selected = _selected(everything, service["metadata"]["namespace"], service["spec"]["selector"])
        assert selected
        names = {port["name"] for one in selected for box in _containers(one) for port in box.get("ports", ())}
        assert {port["targetPort"] for port in service["spec"].get("ports", ())} <= names
    for budget in _of(everything, "PodDisruptionBudget"):
        labels = budget["spec"]["selector"]["matchLabels"]
        assert [one["metadata"]["name"] for one in _selected(everything, "doorbus", labels)] == [
            budget["metadata"]["name"]
        ]
    for stateful in _of(everything, "StatefulSet"):
        assert _named(everything, "Service", stateful["spec"]["serviceName"])["spec"]["clusterIP"] == "None"


def _selected(resources: list[Resource], namespace: str, labels: Mapping[str, str]) -> list[Resource]:
    return [
        one
        for one in _of(resources, *WORKLOADS)
        if one["metadata"]["namespace"] == namespace
        and labels.items() <= one["spec"]["template"]["metadata"]["labels"].items()
    ]


def test_no_pod_has_more_rights_than_it_needs(everything: list[Resource]) -> None:
    for workload in _of(everything, *WORKLOADS):
        pod = _pod(workload)
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any("hostPath" in volume for volume in pod.get("volumes", ()))
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in _containers(workload):
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert rights.get("readOnlyRootFilesystem") is True or container["name"] == "emqx"
            assert "memory" in container["resources"]["limits"]
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])


def test_namespaces_enforce_the_restricted_standard(everything: list[Resource]) -> None:
    namespaces = _of(everything, "Namespace")

    assert {one["metadata"]["name"] for one in namespaces} == {
        one["metadata"]["namespace"] for one in everything if one["kind"] in WORKLOADS
    }
    assert all(one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted" for one in namespaces)


def test_every_service_is_ready_when_connected_and_restarted_when_it_hangs(everything: list[Resource]) -> None:
    services = [one for one in _of(everything, *WORKLOADS) if one["metadata"]["labels"].get("tier") == "service"]

    assert {one["metadata"]["name"].removesuffix("-front") for one in services} == {
        "capture",
        "recognizer",
        "actuator",
        "enroller",
        "console",
        "recorder",
    }
    for workload in services:
        container = _pod(workload)["containers"][0]
        module = healthcheck.__name__
        assert container["readinessProbe"]["exec"]["command"] == ["python", "-m", module]
        assert container["livenessProbe"]["exec"]["command"] == ["python", "-m", module, "--alive"]
        status = Path({one["name"]: one.get("value") for one in container["env"]}["DOORBUS_STATUS_FILE"])
        assert str(status.parent) in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_the_doors_guardian_is_a_container_of_its_own_with_the_same_relay(everything: list[Resource]) -> None:
    actuator, guardian = _pod(_named(everything, "StatefulSet", "actuator-front"))["containers"]
    given = [{one["name"]: one.get("value") for one in box["env"]} for box in (actuator, guardian)]

    assert guardian["image"] == actuator["image"]
    assert guardian["command"] == ["python", "-m", "doorbus_actuator.guard"]
    assert given[1].items() <= given[0].items()
    assert [one for one in guardian["volumeMounts"] if one not in actuator["volumeMounts"]] == []
    assert "secrets" not in [one["name"] for one in guardian["volumeMounts"]]
    folder = Path(given[1]["DOORBUS_ACTUATOR__GUARDIAN"]).parent
    assert {"name": "guardian", "mountPath": str(folder)} in guardian["volumeMounts"]


def test_every_setting_of_a_container_exists(everything: list[Resource]) -> None:
    known = set(re.findall(r"^#? ?(DOORBUS_\w+)=", env.example(env.installed()), re.MULTILINE))
    used = {
        variable["name"]
        for workload in _of(everything, *WORKLOADS)
        for container in _containers(workload)
        for variable in container.get("env", ())
        if variable["name"].startswith("DOORBUS_")
    }

    assert used
    assert used <= known


def test_secrets_are_read_as_the_kubelet_lays_them_out(tmp_path: Path) -> None:
    generation = tmp_path / "..2026_06_01"
    generation.mkdir()
    (generation / "doorbus_broker__password").write_text("from a volume\n")
    (generation / "site.key").write_text("00" * 32)
    (tmp_path / "..data").symlink_to(generation.name)
    for name in ("doorbus_broker__password", "site.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")

    settings = CommonSettings(_env_file=None, _secrets_dir=tmp_path)

    assert settings.password("recognizer") == "from a volume"


def test_the_broker_is_called_what_its_certificate_says(site: Path, everything: list[Resource]) -> None:
    hosts = {
        variable["value"]
        for workload in _of(everything, *WORKLOADS)
        for container in _containers(workload)
        for variable in container.get("env", ())
        if variable["name"] == "DOORBUS_BROKER__HOST"
    }
    broker = _named(everything, "Service", "broker")["metadata"]
    certificate = about((site / "var/secrets/broker/broker.crt").read_text())

    assert hosts == {f"{broker['name']}.{broker['namespace']}.svc"}
    assert hosts <= certificate.names


def test_every_user_of_a_role_gets_a_password(rendered: Mapping[str, list[Resource]]) -> None:
    (users,) = [one for one in _of(rendered["centre"], "Secret") if one["metadata"]["name"].startswith("broker-users-")]

    assert set(users["data"]) == {role.value for role in Role}


def test_the_recorder_has_the_key_of_what_it_keeps_and_not_the_sites_and_a_site_can_do_without_it(
    rendered: Mapping[str, list[Resource]], everything: list[Resource]
) -> None:
    recorder = _named(rendered["recorder"], "StatefulSet", "recorder")
    (secrets,) = _of(rendered["recorder"], "Secret")
    held = {
        one["metadata"]["name"]
        for one in _of(everything, "Secret")
        if "recorder.key" in one["data"] and not one["metadata"]["name"].startswith("broker-users-")
    }

    assert set(secrets["data"]) == {"doorbus_broker__password", "recorder.key", "signers"}
    assert {name.rpartition("-")[0] for name in held} == {"recorder", "recognizer"}
    assert [one["metadata"]["name"] for one in recorder["spec"]["volumeClaimTemplates"]] == ["var"]
    assert "recorder" not in {one["metadata"]["name"] for one in _of(rendered["centre"], *WORKLOADS)}


def test_two_doors_do_not_take_each_other_for_themselves(site: Path) -> None:
    front = site / "deploy" / "k8s" / "example" / "door-front"
    back = front.with_name("door-back")
    shutil.copytree(front, back)
    kustomization = back / "kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("front", "back"))
    doors = {door: _render(site / "deploy" / "k8s" / "example" / f"door-{door}") for door in ("front", "back")}

    for workload in _of(doors["front"], *WORKLOADS):
        assert _pod(workload)["nodeSelector"] == {"doorbus.example/door": "front"}
        labels = workload["spec"]["selector"]["matchLabels"]
        assert _selected(doors["back"], "doorbus-door", labels) == []
    both = {(one["kind"], one["metadata"]["name"]) for one in doors["front"]} & {
        (one["kind"], one["metadata"]["name"]) for one in doors["back"]
    }
    assert both == {("Namespace", "doorbus-door")}


# Who may speak to whom.


class Network:
    """The NetworkPolicies of all namespaces, as Kubernetes understands them: what one allows is allowed."""

    def __init__(self, resources: list[Resource]) -> None:
        self._resources = resources
        self._policies = _of(resources, "NetworkPolicy")

    def allows(self, source: str, target: str, port: int) -> bool:
        """Whether the pods of the workload `source` may open a connection to those of `target`."""
        one, other = (self._workload(name) for name in (source, target))
        return self._lets(one, other, port, "Egress") and self._lets(other, one, port, "Ingress")

    def lets_in(self, target: str, namespace: str, port: int) -> bool:
        """Whether pods of another program's namespace may open a connection to those of `target`."""
        stranger = {
            "metadata": {"namespace": namespace},
            "spec": {"template": {"metadata": {"labels": {}}}},
        }
        return self._lets(self._workload(target), stranger, port, "Ingress")

    def is_closed(self, name: str) -> bool:
        """Whether nothing is allowed to and from a workload that no rule names."""
        workload = self._workload(name)
        directions = {one for policy in self._of(workload) for one in policy["spec"]["policyTypes"]}
        return directions == {"Ingress", "Egress"}

    def _workload(self, name: str) -> Resource:
        (found,) = [one for one in _of(self._resources, *WORKLOADS) if one["metadata"]["name"] == name]
        return found

    def _of(self, workload: Resource) -> list[Resource]:
        return [
            policy
            for policy in self._policies
            if policy["metadata"]["namespace"] == workload["metadata"]["namespace"]
            and _fits(policy["spec"]["podSelector"], workload["spec"]["template"]["metadata"]["labels"])
        ]

    def _lets(self, workload: Resource, peer: Resource, port: int, direction: str) -> bool:
        rules = [
            rule
            for policy in self._of(workload)
            if direction in policy["spec"]["policyTypes"]
            for rule in policy["spec"].get(direction.lower(), ())
        ]
        return any(
            port in [one["port"] for one in rule["ports"]]
            and any(self._is(workload, one, peer) for one in rule["to" if direction == "Egress" else "from"])
            for rule in rules
        )

    @staticmethod
    def _is(workload: Resource, selector: Mapping[str, Any], peer: Resource) -> bool:
        namespace = peer["metadata"]["namespace"]
        if "namespaceSelector" in selector:
            inside = _fits(selector["namespaceSelector"], {"kubernetes.io/metadata.name": namespace})
        else:
            inside = namespace == workload["metadata"]["namespace"]
        return inside and _fits(selector.get("podSelector", {}), peer["spec"]["template"]["metadata"]["labels"])


def _fits(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    expressions = selector.get("matchExpressions", ())
    assert all(one["operator"] == "In" for one in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )


CLIENTS = ("recognizer", "enroller", "console", "metrics", "recorder", "capture-front", "actuator-front")


def test_services_reach_the_broker_and_nothing_else(everything: list[Resource]) -> None:
    network = Network(everything)
    for client in CLIENTS:
        assert network.is_closed(client)
        assert network.allows(client, "broker", 8883)
        assert not any(network.allows(client, "broker", port) for port in (1883, 4370, 5369, 18083))
        assert not any(network.allows(client, other, 8883) for other in CLIENTS)
        assert not any(network.allows(client, other, port) for other in CLIENTS for port in (8080, 9090))


def test_the_brokers_nodes_reach_each_other(everything: list[Resource]) -> None:
    network = Network(everything)

    assert network.is_closed("broker")
    assert [port for port in (4370, 5369) if network.allows("broker", "broker", port)] == [4370, 5369]
    assert not any(network.allows("broker", client, port) for client in CLIENTS for port in (8883, 9090))


def test_the_page_is_reached_through_an_ingress_and_no_other_way(everything: list[Resource]) -> None:
    network = Network(everything)
    (port,) = _named(everything, "Service", "console")["spec"]["ports"]
    (listening,) = _pod(_named(everything, "Deployment", "console"))["containers"][0]["ports"]

    assert (port["targetPort"], listening["containerPort"]) == (listening["name"], 8080)
    assert network.lets_in("console", "ingress-nginx", 8080)
    assert not any(network.lets_in("console", name, 8080) for name in ("default", "monitoring", "doorbus-door"))
    assert not any(network.allows(client, "console", 8080) for client in ("broker", *CLIENTS))


def test_what_an_owner_keeps_outlives_its_pod(everything: list[Resource]) -> None:
    claimed = {
        volume["persistentVolumeClaim"]["claimName"]
        for workload in _of(everything, *WORKLOADS)
        for volume in _pod(workload).get("volumes", ())
        if "persistentVolumeClaim" in volume
    }

    assert claimed == {one["metadata"]["name"] for one in _of(everything, "PersistentVolumeClaim")} == {"console"}
    assert _named(everything, "Deployment", "console")["spec"]["strategy"] == {"type": "Recreate"}


def test_the_autoscaler_reads_a_figure_that_is_served_where_it_asks(everything: list[Resource]) -> None:
    scaled = _named(everything, "ScaledObject", "recognizer")["spec"]
    (trigger,) = scaled["triggers"]
    page = _named(everything, "Service", "metrics")
    (port,) = page["spec"]["ports"]
    host = f"{page['metadata']['name']}.{page['metadata']['namespace']}.svc.cluster.local"

    assert "replicas" not in _named(everything, "Deployment", scaled["scaleTargetRef"]["name"])["spec"]
    assert trigger["metadata"]["url"] == f"http://{host}:{port['port']}/metrics"
    assert trigger["metadata"]["valueLocation"] == RECOGNIZERS_BUSY
    assert 0 < float(trigger["metadata"]["targetValue"]) < 1
    assert Network(everything).lets_in("metrics", "keda", port["port"])
    assert not Network(everything).lets_in("metrics", "default", port["port"])


# EMQX.


def test_the_committed_rules_of_emqx_are_those_of_the_channel_table(repository: Path) -> None:
    committed = repository / "deploy" / "k8s" / "centre" / "emqx" / "acl.conf"

    assert committed.read_text() == acl_emqx.text(), f"doorbus acl --format emqx > {committed}"


def test_emqx_refuses_what_no_rule_allows_and_speaks_tls_only(repository: Path) -> None:
    configuration = (repository / "deploy" / "k8s" / "centre" / "emqx" / "emqx.conf").read_text()

    assert "no_match = deny" in configuration
    assert acl_emqx.text().endswith("\n{deny, all}.\n")
    for listener in ("tcp", "ws", "wss"):
        assert f"listeners.{listener}.default.enable = false" in configuration


Rule = tuple[str, str, bool | None, tuple[str, ...]]


@cache
def _rules() -> list[Rule]:
    """User, action, asked retain flag (None: either) and topics of each rule."""
    pattern = re.compile(
        r'^\{allow, \{username, "([^"]+)"\}, (?:(publish|subscribe)|\{(publish), \{retain, (false)\}\}), '
        r"\[\n((?:  \"[^\"]+\",?\n)+)\]\}\.$",
        re.MULTILINE,
    )
    found = pattern.findall(acl_emqx.text())
    assert len(found) == acl_emqx.text().count("{allow,")
    return [
        (user, plain or asked, False if flag else None, tuple(re.findall(r'"([^"]+)"', topics)))
        for user, plain, asked, flag, topics in found
    ]


def _allowed(user: str, action: str, topic: str, *, retain: bool = False) -> bool:
    """What EMQX makes of the rules: a filter is matched as if it were a topic."""
    return any(
        (user, action) == rule[:2] and rule[2] in (None, retain) and any(matches(one, topic) for one in rule[3])
        for rule in _rules()
    )


def test_the_rules_of_emqx_say_what_the_table_says() -> None:
    wrong = []
    for role, channel in itertools.product(Role, CHANNELS):
        topic = topic_of(channel, role)
        may_send, may_read = role in channel.senders, role in channel.receivers
        allowed = {
            "send": (_allowed(role, "publish", topic), may_send),
            "retain": (_allowed(role, "publish", topic, retain=True), may_send and channel.retain is Retain.YES),
            "read": (_allowed(role, "subscribe", topic), may_read),
            "read all of": (_allowed(role, "subscribe", TOPICS.filter(channel)), may_read),
        }
        wrong += [
            f"{role} {'may' if by_rule else 'may not'} {what} {channel.name}"
            for what, (by_rule, by_table) in allowed.items()
            if by_rule != by_table
        ]

    assert not wrong, "by the rules, and not by the table:\n" + "\n".join(wrong)


@pytest.mark.parametrize("role", Role)
def test_a_wider_filter_is_no_way_round_the_rules_of_emqx(role: Role) -> None:
    topics = {one: TOPICS.topic(one, **dict.fromkeys(one.parameters, "some")) for one in CHANNELS}
    levels = [topic.split("/") for topic in topics.values()]
    wider = {"/".join([*parts[:depth], "#"]) for parts in levels for depth in range(len(parts))}
    wider |= {
        "/".join("+" if index == depth else part for index, part in enumerate(parts))
        for parts in levels
        for depth in range(len(parts))
    }
    gained = {
        (one, channel.name)
        for one in wider
        if _allowed(role, "subscribe", one)
        for channel, topic in topics.items()
        if matches(one, topic) and role not in channel.receivers
    }

    assert gained == set()
