"""A receiver of webhooks: checks signatures, drops doubles, keeps what came; and an archive."""

import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pydicom.data import get_testdata_file

from repertory import Repertory, Settings
from repertory.actors.messages.instances import StoreInstance
from repertory.conf.webhooks import WebhookSettings

SECRET = b"a long secret that both sides know"
TOLERANCE = 300


def is_genuine(header: str, body: bytes, secret: bytes = SECRET) -> bool:
    """Whether who knows the secret signed this body, not long ago."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    stamp = parts.get("t", "")
    if not stamp.isdecimal() or abs(time.time() - int(stamp)) > TOLERANCE:
        return False
    expected = hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts.get("v1", ""))


class Receiver(BaseHTTPRequestHandler):
    """Answers 200 once an event is in safe hands; anything else makes it come again."""

    protocol_version = "HTTP/1.1"
    newest = 0  # of each archive that posts here; a real receiver keeps it with what it did
    came = threading.Event()

    def do_POST(self) -> None:
        """Take an event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_genuine(self.headers.get("Repertory-Signature", ""), body):
            self.answer(401)
            return
        event = json.loads(body)
        if event["Seq"] > Receiver.newest:  # else it is a double
            print(event["Seq"], event["ChangeType"], event["Path"], event["Parents"])
            Receiver.newest = event["Seq"]
        self.answer(200)
        if event["ChangeType"] == "NewPatient":
            Receiver.came.set()

    def answer(self, status: int) -> None:
        """Answer without a body."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        webhook = WebhookSettings(
            url=f"http://127.0.0.1:{server.server_port}/",
            secret=SECRET.decode(),
            events=["NewPatient", "NewStudy", "StableStudy", "Deleted"],
        )
        settings = Settings(
            storage_directory="archive", http_server_enabled=False, webhooks={"example": webhook}
        )
        with Repertory(settings) as archive:
            content = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
            archive.ask(StoreInstance(content=content))
            Receiver.came.wait(30)
        server.shutdown()
