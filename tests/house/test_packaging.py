import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import setuptools

# Older ones need the package `wheel`; setup.cfg asks for a newer one (extra "test").
pytestmark = pytest.mark.skipif(
    int(setuptools.__version__.split(".")[0]) < 71, reason="setuptools 71 or newer builds wheels"
)

FOLDERS = ("actors", "conf", "http", "storage")
PROBE = """
import importlib, sys
from importlib.resources import files
from pathlib import Path

import http.client
import repertory

for name in sys.argv[2].split():
    module = importlib.import_module(name)
    assert Path(module.__file__).resolve().is_relative_to(sys.argv[1]), module.__file__
for place in sys.argv[3].split():
    assert files(place.partition(":")[0]).joinpath(place.partition(":")[2]).is_file(), place
"""


def installed_name(name: str) -> str:
    """Where a file of the checkout lies in an installation."""
    return name if name.startswith("repertory/") else f"repertory/{name}"


@pytest.fixture(scope="module")
def to_install(files) -> tuple[str, ...]:
    """The modules and data files of the checkout that an installation must have."""
    return tuple(name for name in files if name.split("/")[0] in (*FOLDERS, "repertory"))


@pytest.fixture(scope="module")
def checkout(root, files, tmp_path_factory) -> Path:
    """A copy of the checkout, to build in."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in files:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def libraries(tmp_path_factory) -> Path:
    """What Repertory needs, without a Repertory that may be installed beside it."""
    libraries = tmp_path_factory.mktemp("libraries")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(place).iterdir():
            if not entry.name.startswith(("repertory", "__editable__")):
                (libraries / entry.name).symlink_to(entry)
    return libraries


def run(code: str, *arguments: str, cwd: Path) -> None:
    """Run Python without its site: it sees nothing that is not given to it."""
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code, *arguments],
        cwd=cwd,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def build(checkout: Path, libraries: Path, target: Path, call: str) -> Path:
    """Have setuptools build a wheel, as pip would; into ``target`` it is unpacked."""
    code = (
        f"import sys; sys.path[:0] = [{str(libraries)!r}]\n"
        "from setuptools.build_meta import __legacy__ as backend\n"
        f"backend.{call}"
    )
    wheels = target / "wheels"
    wheels.mkdir()
    run(code, str(wheels), cwd=checkout)
    (wheel,) = wheels.glob("*.whl")
    site = target / "site"
    zipfile.ZipFile(wheel).extractall(site)
    return site


@pytest.fixture(scope="module")
def wheel(checkout, libraries, tmp_path_factory) -> Path:
    """What `pip install .` puts into site-packages."""
    target = tmp_path_factory.mktemp("wheel")
    return build(checkout, libraries, target, "build_wheel(sys.argv[1])")


@pytest.fixture(scope="module")
def editable(checkout, libraries, tmp_path_factory) -> Path:
    """What `pip install --editable .` puts there."""
    target = tmp_path_factory.mktemp("editable")
    return build(checkout, libraries, target, "build_editable(sys.argv[1])")


@pytest.fixture(scope="module")
def strict(checkout, libraries, tmp_path_factory) -> Path:
    """The same with `--config-settings editable_mode=strict`."""
    target = tmp_path_factory.mktemp("strict")
    call = "build_editable(sys.argv[1], {'editable_mode': 'strict'})"
    return build(checkout, libraries, target, call)


def test_the_wheel_has_every_module_and_data_file_and_nothing_else(wheel, to_install):
    installed = {
        path.relative_to(wheel).as_posix()
        for path in wheel.rglob("*")
        if path.is_file() and ".dist-info/" not in path.as_posix()
    }

    assert installed == {installed_name(name) for name in to_install}


def test_the_wheel_says_what_it_is(wheel, root):
    (info,) = wheel.glob("repertory-*.dist-info")
    metadata = (info / "METADATA").read_text()

    assert "Apache-2.0" in metadata
    assert (root / "README.md").read_text().splitlines()[0] in metadata
    assert "repertory = repertory.cli:main" in (info / "entry_points.txt").read_text()
    assert [path.name for path in info.rglob("LICENSE")] == ["LICENSE"]


@pytest.mark.parametrize("place", ["at the root", "elsewhere"])
@pytest.mark.parametrize("kind", ["wheel", "editable", "strict"])
def test_all_of_it_is_imported(request, checkout, libraries, to_install, tmp_path, kind, place):
    site = request.getfixturevalue(kind)
    # At the root ./repertory is found before anything that is installed.
    expected = site if (kind, place) == ("wheel", "elsewhere") else checkout
    modules = [
        installed_name(name)[: -len(".py")].replace("/", ".").removesuffix(".__init__")
        for name in to_install
        if name.endswith(".py") and not name.endswith("__main__.py")
    ]
    data = [
        installed_name(name).rpartition("/")[0].replace("/", ".") + ":" + Path(name).name
        for name in to_install
        if not name.endswith(".py")
    ]
    begin = f"import site, sys; site.addsitedir({str(site)!r}); sys.path.append({str(libraries)!r})"

    run(
        begin + PROBE,
        str(expected),
        " ".join(modules),
        " ".join(data),
        cwd=checkout if place == "at the root" else tmp_path,
    )
