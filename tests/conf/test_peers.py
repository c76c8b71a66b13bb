import json

import pytest

from repertory.conf.loading import read_settings
from repertory.peers import Peer, read_peer, shown, written


def problems_of(folder, **options):
    file = folder / "orthanc.json"
    file.write_text(json.dumps(options))
    return [str(it).partition(": ")[2] for it in read_settings(file).problems]


@pytest.mark.parametrize(
    ("entry", "peer"),
    [
        (["http://localhost:8043/"], Peer(url="http://localhost:8043/")),
        (["http://h/a b", "u", "p"], None),
        (
            ["http://h/prefix", "alice", "secret"],
            Peer(url="http://h/prefix/", username="alice", password="secret"),
        ),
        (
            {"Url": "https://bob:open%20it@h:1/", "Timeout": 3, "Colour": "blue"},
            Peer(
                url="https://h:1/",
                username="bob",
                password="open it",
                timeout=3,
                extra={"Colour": "blue"},
            ),
        ),
        (
            {"URL": "http://h", "HttpHeaders": {"Token": "abc"}},
            Peer(url="http://h/", headers={"Token": "abc"}),
        ),
    ],
)
def test_peers_are_read_as_orthanc_writes_them(entry, peer):
    if peer is None:
        with pytest.raises(ValueError, match="Url"):
            read_peer(entry)
        return

    assert read_peer(entry) == peer
    assert read_peer(json.loads(json.dumps(written(peer)))) == peer


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("http://h/", "a peer is an array or an object"),
        (["http://h/", "alice"], "a peer is [Url] or [Url, Username, Password]"),
        (["ftp://h/"], "the Url of a peer must be an address of http or https"),
        (["http://h:99999/"], "the Url of a peer must be an address of http or https"),
        (["http://h/?a=b"], "the Url of a peer must be an address of http or https"),
        ({}, "the Url of a peer must be a text"),
        (["http://h/", "a", 5], "the Password of a peer must be a text"),
        (["http://h/", "a", "b\r\nX: y"], "the Password of a peer must be a line of text"),
        (
            {"Url": "http://h/", "HttpHeaders": {"A": "b\r\nX: y"}},
            "the HttpHeaders of a peer must have texts in ASCII",
        ),
        (
            {"Url": "http://h/", "HttpHeaders": {"A: b": "c"}},
            "the HttpHeaders of a peer must have names that HTTP knows",
        ),
        ({"Url": "http://h/", "HttpHeaders": []}, "the HttpHeaders of a peer must be an object"),
        ({"Url": "http://h/", "Timeout": -1}, "the Timeout of a peer must be a number of seconds"),
        (
            {"Url": "http://h/", "Pkcs11": True},
            "the Pkcs11 of a peer must be false: hardware tokens are not used",
        ),
    ],
)
def test_what_is_no_peer_is_told_at_the_start(tmp_path, entry, reason):
    (problem,) = problems_of(tmp_path, OrthancPeers={"one": entry})

    assert f"must hold what one is: {reason}" in problem


@pytest.mark.parametrize("value", ["localhost", "http://h:1", "h:x", "a@b"])
def test_a_proxy_has_a_host_and_a_port(tmp_path, value):
    (problem,) = problems_of(tmp_path, HttpProxy=value)

    assert "must be like host:port" in problem


def test_the_file_of_authorities_must_be_there(tmp_path):
    (problem,) = problems_of(tmp_path, HttpsCACertificates=str(tmp_path / "no.pem"))

    assert "HttpsCACertificates" in problem


def test_nothing_secret_is_shown():
    peer = read_peer(
        {
            "Url": "https://h/",
            "Username": "alice",
            "Password": "SECRET",
            "HttpHeaders": {"Token": "SECRET"},
            "CertificateFile": "/SECRET/c.pem",
            "CertificateKeyPassword": "SECRET",
        }
    )

    assert "SECRET" not in json.dumps(shown(peer))
    assert shown(peer)["HttpHeaders"] == ["Token"]
    assert shown(peer)["Password"] is None
    assert "SECRET" not in repr(peer).replace("/SECRET/c.pem", "")
