"""Lays the top-level folders out as ``repertory.actors``, ``repertory.http``, and so on."""

from setuptools import find_namespace_packages, setup

FOLDERS = ("actors", "conf", "http", "storage")


def found(folder: str) -> list[str]:
    """The packages in a folder, itself included; also those without ``__init__.py``."""
    return find_namespace_packages(include=[folder, f"{folder}.*"], exclude=["*.__pycache__"])


package_dir = {name: name.replace(".", "/") for name in found("repertory")} | {
    f"repertory.{name}": name.replace(".", "/") for folder in FOLDERS for name in found(folder)
}

setup(packages=list(package_dir), package_dir=package_dir)
