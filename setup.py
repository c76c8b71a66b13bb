"""Lays the top-level folders out as ``repertory.actors``, ``repertory.http``, and so on."""

from setuptools import find_namespace_packages, setup

FOLDERS = ("actors", "conf", "http", "storage")

packages = ["repertory"]
package_dir = {"repertory": "repertory"}
for folder in FOLDERS:
    for name in find_namespace_packages(
        include=[folder, f"{folder}.*"], exclude=["*.__pycache__"]
    ):
        packages.append(f"repertory.{name}")
        package_dir[f"repertory.{name}"] = name.replace(".", "/")

setup(packages=packages, package_dir=package_dir)
