"""A storage account of Azure: its connection string, and the one request that the library lacks."""

import base64
import binascii
import hashlib
import hmac
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from repertory.errors import CannotStart

_VERSION = "2021-12-02"
_EMULATOR = {
    "AccountName": "devstoreaccount1",
    # Published with the emulator: a key that opens nothing else.
    "AccountKey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/"
    "KBHBeksoGMGw==",
    "BlobEndpoint": "http://127.0.0.1:10000/devstoreaccount1",
}


@dataclass(frozen=True, slots=True)
class AzureAccount:
    """An account, and how one gets in: by a key, or by a shared access signature."""

    name: str
    key: str = field(default="", repr=False)
    signature: str = field(default="", repr=False)
    endpoint: str = ""

    @classmethod
    def from_connection_string(cls, text: str) -> "AzureAccount":
        """Read ``Name=value;…``.

        Raises:
            CannotStart: it lacks something.
        """
        pairs = [part.partition("=") for part in text.split(";") if part.strip()]
        given = {name.strip(): value.strip() for name, _, value in pairs}
        if given.get("UseDevelopmentStorage", "").lower() == "true":
            given = {**_EMULATOR, **given}
        name = given.get("AccountName", "")
        endpoint = given.get("BlobEndpoint", "").rstrip("/")
        if not endpoint and name:
            scheme = given.get("DefaultEndpointsProtocol", "https")
            suffix = given.get("EndpointSuffix", "core.windows.net")
            endpoint = f"{scheme}://{name}.blob.{suffix}"
        account = cls(
            name=name or (urlsplit(endpoint).hostname or "").partition(".")[0],
            key=given.get("AccountKey", ""),
            signature=given.get("SharedAccessSignature", "").removeprefix("?"),
            endpoint=endpoint,
        )
        account.check()
        return account

    def check(self) -> None:
        """Refuse an account that cannot be one.

        Raises:
            CannotStart: it lacks something.
        """
        if not self.name or not (self.key or self.signature):
            raise CannotStart(
                "AzureBlobStorage.ConnectionString must have AccountName and AccountKey, or"
                " BlobEndpoint and SharedAccessSignature."
            )
        try:
            base64.b64decode(self.key, validate=True)
        except binascii.Error:
            raise CannotStart("The AccountKey of the Azure account is not base64.") from None

    @property
    def config(self) -> dict[str, Any]:
        """The account in the words of the library."""
        config = {"account_name": self.name, "endpoint": self.endpoint}
        if self.key:
            return {**config, "account_key": self.key}
        return {**config, "sas_key": self.signature}

    def create_container(self, name: str) -> bool:
        """Make a container; whether it is there now.

        Raises:
            CannotStart: it cannot be made.
        """
        query = "restype=container"
        url = f"{self.endpoint}/{name}?{query}"
        headers = {"x-ms-date": formatdate(time.time(), usegmt=True), "x-ms-version": _VERSION}
        if self.key:
            headers["Authorization"] = self._authorization(url, headers)
        else:
            url += f"&{self.signature}"
        request = urllib.request.Request(url, method="PUT", headers=headers, data=b"")  # noqa: S310 - configured
        try:
            with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - as above
                return True
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
            if status == HTTPStatus.CONFLICT:
                return True
            raise CannotStart(
                f'The Azure container "{name}" is not there, and could not be made ({status}).'
            ) from None
        except OSError:
            raise CannotStart(
                f'The Azure container "{name}" is not there, and could not be made.'
            ) from None

    def _authorization(self, url: str, headers: dict[str, str]) -> str:
        """Sign a request without a body (Azure: authorize with Shared Key)."""
        parts = urlsplit(url)
        canonical_headers = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        resource = f"/{self.name}{parts.path}" + "".join(
            f"\n{name}:{value}" for name, value in sorted(parse_qsl(parts.query))
        )
        content_type = "application/x-www-form-urlencoded"  # what urllib adds
        text = f"PUT\n\n\n\n\n{content_type}\n\n\n\n\n\n\n{canonical_headers}{resource}"
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return f"SharedKey {self.name}:{base64.b64encode(digest).decode()}"
