"""What lies in docs/deploy: each file is read as the program would that it is for."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from repertory.conf.loading import read_settings
from repertory.http.routes import health

PASSWORDS = {"REPERTORY_PASSWORD": "a", "POSTGRESQL_PASSWORD": "b", "S3_SECRET_KEY": "c"}

CONTAINERFILE_WORDS = {
    *("ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}


@pytest.fixture
def deploy(root):
    return root / "docs" / "deploy"


@pytest.fixture
def yaml():
    return pytest.importorskip("yaml", reason="PyYAML is not installed")


def instructions(path):
    """The instructions of a Containerfile: the word, and the rest, lines joined."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", path.read_text()))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


# The image


def test_the_containerfile_has_instructions_that_there_are(deploy):
    found = instructions(deploy / "Containerfile")

    assert {word for word, _ in found} <= CONTAINERFILE_WORDS
    assert found[0][0] == "FROM"
    for word, rest in found:
        if rest.startswith("["):
            assert all(isinstance(each, str) for each in json.loads(rest)), word
    (check,) = [rest for word, rest in found if word == "HEALTHCHECK"]
    assert health.LIVE in json.loads(check[check.index("[") :])[2]


def test_what_the_image_copies_is_there(root, deploy):
    copied = [
        rest.split()[0]
        for word, rest in instructions(deploy / "Containerfile")
        if word == "COPY" and not rest.startswith("--from")
    ]

    assert copied
    assert all((root / path).exists() for path in copied)


def test_the_image_has_extras_that_there_are(root, deploy):
    setup = configparser.RawConfigParser()
    setup.read(root / "setup.cfg")
    (extras,) = [
        rest.partition("=")[2].split(",")
        for word, rest in instructions(deploy / "Containerfile")
        if word == "ARG"
    ]

    assert set(extras) <= set(setup["options.extras_require"])


def test_what_is_not_for_the_image_stays_outside(deploy):
    ignored = (deploy / "Containerfile.dockerignore").read_text().split()

    assert {".git", ".venv", "tests"} <= set(ignored)


@pytest.mark.parametrize("name", ["container.json", "node.json"])
def test_the_configurations_can_be_started_with(deploy, tmp_path, name):
    folder = tmp_path / "etc"
    folder.mkdir()
    for each in {"container.json", name}:
        shutil.copy(deploy / each, folder)
    loaded = read_settings(folder, environment={**PASSWORDS, "NODE_NAME": "node-1"})

    assert loaded.problems == ()
    assert loaded.settings.registered_users == {"admin": "a"}
    # What stands before it speaks TLS, and on the networks within nobody does.
    assert {it.option for it in loaded.warnings} <= {"SslEnabled", "AwsS3Storage.Endpoint"}
    if name == "node.json":
        assert loaded.settings.aws_s3_storage.secret_key == "c"


# Two nodes


@pytest.fixture
def compose(deploy, yaml):
    return yaml.safe_load((deploy / "compose.yaml").read_text())


def test_compose_names_only_what_there_is(deploy, compose):
    services = compose["services"]
    assert {"node-1", "node-2", "nginx", "postgresql", "objects"} <= set(services)
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, name
            if how["condition"] == "service_healthy" and not other.startswith("node"):
                assert "healthcheck" in services[other]
        for config in service.get("configs", ()):
            assert config["source"] in compose["configs"]
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"]
    for config in compose["configs"].values():
        assert (deploy / config["file"]).is_file()
    for node in ("node-1", "node-2"):
        build = services[node]["build"]
        context = (deploy / build["context"]).resolve()
        assert (context / build["dockerfile"]).samefile(deploy / "Containerfile")


def test_the_nodes_differ_by_their_names_and_volumes_alone(compose):
    first, second = (dict(compose["services"][name]) for name in ("node-1", "node-2"))

    assert first.pop("volumes") != second.pop("volumes")
    assert first.pop("environment").pop("NODE_NAME") != second.pop("environment").pop("NODE_NAME")
    assert first == second


def test_every_password_is_asked_for(deploy, compose):
    text = (deploy / "compose.yaml").read_text()
    example = dict(
        line.split("=", 1) for line in (deploy / "passwords.env.example").read_text().split()
    )

    assert set(re.findall(r"\$\{(\w+):\?\}", text)) == set(example) == set(PASSWORDS)
    assert set(compose["services"]["node-1"]["environment"]) == {*PASSWORDS, "NODE_NAME"}
    for name in ("container.json", "node.json"):
        needed = set(re.findall(r"\$\{(\w+)", (deploy / name).read_text()))
        assert needed <= {*PASSWORDS, "NODE_NAME"}


def test_docker_itself_understands_the_compose_file(deploy):
    programs = (["docker", "compose"], ["docker-compose"], ["podman-compose"])
    found = [
        program
        for program in programs
        if shutil.which(program[0])
        and subprocess.run([*program, "version"], capture_output=True, check=False).returncode == 0
    ]
    if not found:
        pytest.skip("docker compose is not installed")
    run = subprocess.run(
        [*found[0], "--file", str(deploy / "compose.yaml"), "config", "--quiet"],
        env={"PATH": "/usr/bin:/usr/local/bin", "HOME": "/nonexistent", **PASSWORDS},
        capture_output=True,
        check=False,
        text=True,
    )

    assert run.returncode == 0, run.stderr


def parsed_nginx(text):
    """The directives of an nginx configuration, those of a block as a list within."""
    words = re.findall(r"#.*|\"[^\"]*\"|[{};]|[^\s{};\"]+", text)
    stack, line = [[]], []
    for word in words:
        if word.startswith("#"):
            continue
        if word == ";":
            assert line, "a semicolon ends nothing"
            stack[-1].append((*line,))
            line = []
        elif word == "{":
            stack.append([])
            stack[-2].append((*line, stack[-1]))
            line = []
        elif word == "}":
            assert not line, f"{line} is not ended by a semicolon"
            stack.pop()
            assert stack, "a brace too many"
        else:
            line.append(word)
    assert len(stack) == 1, "a brace is missing"
    assert not line
    return stack[0]


def blocks(directives, *name):
    return [it[-1] for it in directives if it[: len(name)] == name and isinstance(it[-1], list)]


def test_nginx_stands_before_both_nodes(deploy, compose):
    directives = parsed_nginx((deploy / "nginx.conf").read_text())
    (http,), (stream,) = blocks(directives, "http"), blocks(directives, "stream")
    for part, upstream, port in ((http, "repertory", "8042"), (stream, "dicom", "4242")):
        (servers,) = blocks(part, "upstream", upstream)
        named = {it[1] for it in servers if it[0] == "server"}
        assert named == {f"node-1:{port}", f"node-2:{port}"}
        (server,) = blocks(part, "server")
        assert ("listen", port) in server
        assert f"{port}:{port}" in compose["services"]["nginx"]["ports"]
    (server,) = blocks(http, "server")
    assert ("client_max_body_size", "0") in server
    assert ("proxy_request_buffering", "off") in server


def test_nginx_itself_understands_its_configuration(deploy, tmp_path):
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    text = (deploy / "nginx.conf").read_text()
    modules = sorted(Path("/usr/lib/nginx/modules").glob("ngx_stream_module.so"))
    built = subprocess.run([program, "-V"], capture_output=True, check=True, text=True).stderr
    if not modules and not re.search(r"--with-stream(?!=dynamic)\b(?!_)", built):
        pytest.skip("nginx has no module stream")
    text = "".join(f"load_module {it};\n" for it in modules) + f"pid {tmp_path}/pid;\n" + text
    (tmp_path / "nginx.conf").write_text(re.sub(r"node-[12]", "127.0.0.1", text))
    run = subprocess.run(
        [program, "-t", "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        check=False,
        text=True,
    )

    assert run.returncode == 0, run.stderr


# systemd


def test_systemd_understands_the_unit(deploy, tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "repertory.service"
    text = (deploy / "repertory.service").read_text()
    # The program of the unit is not installed here: another one that is.
    unit.write_text(text.replace("/opt/repertory/bin/repertory", "/bin/true"))
    run = subprocess.run(
        [program, "verify", "--man=no", str(unit)], capture_output=True, check=False, text=True
    )
    own = [line for line in run.stderr.splitlines() if "repertory.service" in line]

    assert own == []
    assert "/opt/repertory/bin/repertory check-config /etc/repertory" in text
    assert "/opt/repertory/bin/repertory /etc/repertory" in text


# Kubernetes


def test_kubernetes_probes_routes_that_there_are(deploy, yaml):
    documents = list(yaml.safe_load_all((deploy / "kubernetes.yaml").read_text()))
    by_kind = {}
    for document in documents:
        assert {"apiVersion", "kind", "metadata"} <= set(document)
        by_kind.setdefault(document["kind"], []).append(document)
    (nodes,) = by_kind["StatefulSet"]
    (secret,), (configuration,) = by_kind["Secret"], by_kind["ConfigMap"]
    template = nodes["spec"]["template"]
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}

    assert container["startupProbe"]["httpGet"]["path"] == health.LIVE
    assert container["livenessProbe"]["httpGet"]["path"] == health.LIVE
    assert container["readinessProbe"]["httpGet"]["path"] == health.READY
    assert container["readinessProbe"]["timeoutSeconds"] > health.PATIENCE
    assert ports == {"http": 8042, "dicom": 4242}
    labels = template["metadata"]["labels"]
    assert nodes["spec"]["selector"]["matchLabels"] == labels
    assert nodes["spec"]["serviceName"] in {it["metadata"]["name"] for it in by_kind["Service"]}
    for service in by_kind["Service"]:
        assert service["spec"]["selector"] == labels
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports)
    volumes = {it["name"] for it in template["spec"]["volumes"]}
    volumes |= {it["metadata"]["name"] for it in nodes["spec"]["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert set(secret["stringData"]) == set(PASSWORDS)
    needed = set(re.findall(r"\$\{(\w+)", configuration["data"]["node.json"]))
    assert needed <= {*PASSWORDS, "NODE_NAME"}


def test_the_configuration_of_kubernetes_can_be_started_with(deploy, yaml, tmp_path):
    documents = yaml.safe_load_all((deploy / "kubernetes.yaml").read_text())
    (text,) = [it["data"]["node.json"] for it in documents if it["kind"] == "ConfigMap"]
    (tmp_path / "node.json").write_text(text)
    shutil.copy(deploy / "container.json", tmp_path)

    loaded = read_settings(tmp_path, environment={**PASSWORDS, "NODE_NAME": "repertory-0"})

    assert loaded.problems == ()
    assert loaded.settings.name == "repertory-0"
