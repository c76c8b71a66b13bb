"""Associations over TLS, with certificates of both sides (PS3.15 B.9)."""

import socket
import ssl
import threading
from contextlib import contextmanager

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE, evt

from repertory.actors.crew import ThreadCrew
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_actor import DicomClientActor
from repertory.actors.dicom.options import AccessRules, ClientOptions, TlsOptions
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.modalities import EchoModality, SendInstances
from repertory.actors.messages.resources import ListResources
from repertory.errors import CannotStart, NetworkFailed
from repertory.modalities import Modality
from repertory.model import Level
from repertory.testing.certificates import Authority
from repertory.testing.dcmtk import find_tool, run_tool
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port

pytest.importorskip("cryptography")

HERE = "127.0.0.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
VERIFICATION = "1.2.840.10008.1.1"
NEW_CIPHER = "TLS_AES_256_GCM_SHA384"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
EXPLICIT = "1.2.840.10008.1.2.1"

pytestmark = pytest.mark.usefixtures("no_thread_stays")


class Keys:
    """Two authorities; the archive trusts the hospital's alone."""

    def __init__(self, folder):
        self.hospital = Authority(folder, "hospital")
        self.stranger = Authority(folder, "stranger")
        self.archive = self.hospital.device("archive")
        self.modality = self.hospital.device("modality")
        self.intruder = self.stranger.device("intruder")

    def of_archive(self, **changes):
        certificate, key = self.archive
        options = {"trusted": self.hospital.trusted, **changes}
        return TlsOptions(certificate=certificate, private_key=key, **options)

    def of_client(self, device=None):
        context = ssl.create_default_context(cafile=self.hospital.trusted)
        if device is not None:
            context.load_cert_chain(*device)
        return context

    def of_server(self, device):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*device)
        context.load_verify_locations(self.hospital.trusted)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


def associate(server, context, *classes):
    entity = AE("PEER")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    for sop_class in classes or (VERIFICATION,):
        entity.add_requested_context(sop_class, [EXPLICIT])
    tls = None if context is None else (context, HERE)
    association = entity.associate(HERE, server.port, ae_title="ORTHANC", tls_args=tls)
    server.associations.append(association)
    return association


def is_turned_away(server, context):
    """Whether a connection ends without a word of DICOM."""
    with socket.create_connection((HERE, server.port), timeout=10) as plain:
        try:
            connection = (
                plain if context is None else context.wrap_socket(plain, server_hostname=HERE)
            )
            with connection:
                connection.sendall(bytes(100))
                return connection.recv(1)[:1] in (b"", b"\x15")  # an alert of TLS, at most
        except (ssl.SSLError, ConnectionError):
            return True


def is_well(server, keys):
    association = associate(server, keys.of_client(keys.modality))
    return association.is_established and association.send_c_echo().Status == 0x0000


def test_who_shows_a_trusted_certificate_stores(server, keys):
    server.start(tls=keys.of_archive())

    association = associate(server, keys.of_client(keys.modality), MR)
    content = dcmread(DicomBytesIO(make_dicom(size=300_000)))

    assert association.send_c_store(content).Status == 0x0000
    assert len(server.stage.ask(ListResources(level=Level.INSTANCE))) == 1


@pytest.mark.parametrize("who", ["nobody", "intruder", "plain"])
def test_who_shows_none_is_not_let_in(server, keys, who):
    server.start(tls=keys.of_archive(), timeout=1.0)
    context = None if who == "plain" else keys.of_client(getattr(keys, who, None))

    assert is_turned_away(server, context)

    assert is_well(server, keys)
    server.close()
    assert server.stage.ask(ListResources(level=Level.INSTANCE)) == ()


def test_a_certificate_may_be_left_to_the_other_side(server, keys):
    server.start(tls=keys.of_archive(remote_required=False))

    assert associate(server, keys.of_client()).is_established
    assert is_turned_away(server, keys.of_client(keys.intruder))
    assert is_well(server, keys)


def test_a_handshake_that_does_not_end_keeps_nobody_waiting(server, keys):
    server.start(tls=keys.of_archive(), timeout=1.0)

    with socket.create_connection((HERE, server.port), timeout=10) as silent:
        silent.sendall(b"\x16\x03\x01")
        assert is_well(server, keys)
        assert silent.recv(1) == b""


def test_certificates_that_cannot_be_used_keep_the_server_from_starting(server, keys, tmp_path):
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("")
    for changes in ({"trusted": nothing}, {"trusted": tmp_path / "missing.pem"}):
        with pytest.raises(CannotStart):
            server.start(tls=keys.of_archive(**changes))


def test_certificates_that_are_required_need_somebody_to_trust(server, keys):
    with pytest.raises(CannotStart, match="DicomTlsTrustedCertificates"):
        server.start(tls=keys.of_archive(trusted=None))


def test_who_trusts_nobody_may_let_in_everybody(server, keys):
    server.start(tls=keys.of_archive(trusted=None, remote_required=False))

    assert associate(server, keys.of_client()).is_established


OLD_CIPHER, OTHER_CIPHER = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"


def at_most(version, context, ciphers=""):
    """A context that speaks no newer version than that, by some ciphers alone."""
    context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def test_a_version_of_tls_that_is_too_old_is_turned_away(server, keys):
    server.start(tls=keys.of_archive(oldest=5, ciphers=(NEW_CIPHER,)))

    old = at_most(ssl.TLSVersion.TLSv1_2, keys.of_client(keys.modality))
    assert is_turned_away(server, old)
    assert is_well(server, keys)


def test_only_the_ciphers_that_are_accepted_are_spoken(server, keys):
    server.start(tls=keys.of_archive(oldest=4, ciphers=(OLD_CIPHER,)))

    def client(cipher):
        return at_most(ssl.TLSVersion.TLSv1_2, keys.of_client(keys.modality), cipher)

    assert is_turned_away(server, client(OTHER_CIPHER))
    assert associate(server, client(OLD_CIPHER)).is_established
    assert is_well(server, keys)  # by TLS 1.3


def test_a_cipher_of_tls_1_3_that_is_not_accepted_is_not_spoken(server, keys):
    server.start(tls=keys.of_archive(oldest=4, ciphers=("TLS_CHACHA20_POLY1305_SHA256",)))

    assert is_turned_away(server, keys.of_client(keys.modality))  # which would rather AES
    old = at_most(ssl.TLSVersion.TLSv1_2, keys.of_client(keys.modality))
    assert is_turned_away(server, old)


def test_ciphers_that_are_none_keep_the_server_from_starting(server, keys):
    with pytest.raises(CannotStart, match="DicomTlsCiphersAccepted"):
        server.start(tls=keys.of_archive(oldest=4, ciphers=("NONESUCH",)))


@pytest.mark.skipif(find_tool("echoscu") is None, reason="DCMTK is not installed")
def test_dcmtk_speaks_what_is_accepted(server, keys):
    certificate, key = keys.modality
    words = ("+tls", key, certificate, "+cf", keys.hospital.trusted, HERE)

    server.start(tls=keys.of_archive(oldest=4, ciphers=(OLD_CIPHER, NEW_CIPHER)))
    assert run_tool("echoscu", *words, server.port)[0] == 0
    server.stop()
    server.start(tls=keys.of_archive(oldest=4, ciphers=("TLS_CHACHA20_POLY1305_SHA256",)))
    assert run_tool("echoscu", *words, server.port)[0] != 0


class Receiver:
    """Another archive, that is called over TLS."""

    def __init__(self, context):
        self.port = free_port()
        self.received = []
        self.context = context
        self.arrived = threading.Event()

    def on_store(self, event):
        self.received.append(event.request.AffectedSOPInstanceUID)
        return 0x0000

    @contextmanager
    def listening(self):
        entity = AE("RECEIVER")
        entity.add_supported_context(VERIFICATION)
        entity.add_supported_context(MR)
        server = entity.start_server(
            (HERE, self.port),
            block=False,
            ssl_context=self.context,
            evt_handlers=[(evt.EVT_C_STORE, self.on_store)],
        )
        try:
            yield self
        finally:
            server.shutdown()


@pytest.fixture
def calling(server, keys):
    """The archive, that calls a receiver with some keys."""
    refs = []

    def start(context, tls=None, *, use_tls=True):
        receiver = Receiver(context)
        calls = ClientOptions(timeout=2.0, tls=tls or keys.of_archive())
        entry = Modality("RECEIVER", HERE, receiver.port, use_tls=use_tls)
        book = ModalityBook({"receiver": entry})
        crew = ThreadCrew(1, name="client")
        refs.append(server.stage.put_on(DicomClientActor, book=book, options=calls, crew=crew))
        always = frozenset({"Move"})
        server.start(calls=calls, access=AccessRules(modalities=book, always=always))
        return receiver

    yield start
    server.close()
    for ref in refs:
        server.stage.take_off(ref)


def test_a_modality_is_called_and_sent_to_over_tls(server, keys, calling):
    receiver = calling(keys.of_server(keys.modality))
    content = make_dicom(study="1.1", instance="1.1.1", size=300_000)
    instance = server.stage.ask(StoreInstance(content=content)).ids.instance

    with receiver.listening():
        server.stage.ask(EchoModality(target="receiver"))
        command = SendInstances(target="receiver", instances=(instance,))
        assert server.stage.ask(command) == ()
        asked = Dataset()
        asked.QueryRetrieveLevel = "STUDY"
        asked.StudyInstanceUID = "1.1"
        mover = server.peer(STUDY_MOVE)
        status = list(mover.send_c_move(asked, "RECEIVER", STUDY_MOVE))[-1][0]

    assert status.NumberOfCompletedSuboperations == 1
    assert receiver.received == ["1.1.1", "1.1.1"]


def test_a_receiver_that_nobody_trusts_is_sent_nothing(server, keys, calling):
    receiver = calling(keys.of_server(keys.intruder))

    with receiver.listening(), pytest.raises(NetworkFailed):
        server.stage.ask(EchoModality(target="receiver"))


@pytest.mark.parametrize(
    ("options", "is_well"),
    [
        ({}, True),
        ({"oldest": 5, "ciphers": (NEW_CIPHER,)}, False),
        ({"oldest": 4, "ciphers": (OTHER_CIPHER,)}, False),
        ({"oldest": 4, "ciphers": (OLD_CIPHER,)}, True),
    ],
)
def test_a_receiver_is_spoken_to_by_what_is_accepted(server, keys, calling, options, is_well):
    theirs = at_most(ssl.TLSVersion.TLSv1_2, keys.of_server(keys.modality), OLD_CIPHER)
    receiver = calling(theirs, keys.of_archive(**options))

    with receiver.listening():
        if is_well:
            server.stage.ask(EchoModality(target="receiver"))
        else:
            with pytest.raises(NetworkFailed):
                server.stage.ask(EchoModality(target="receiver"))


def test_a_cipher_of_tls_1_3_is_not_spoken_to_a_receiver_either(server, keys, calling):
    tls = keys.of_archive(oldest=5, ciphers=("TLS_CHACHA20_POLY1305_SHA256",))
    context = keys.of_server(keys.modality)
    receiver = calling(context, tls)
    heard = []

    with socket.create_server((HERE, receiver.port)) as listening:

        def hear():
            plain, _ = listening.accept()
            with context.wrap_socket(plain, server_side=True) as connection:
                heard.append(connection.cipher()[0])
                heard.append(connection.recv(4096))

        hearing = threading.Thread(target=hear)
        hearing.start()
        with pytest.raises(NetworkFailed):
            server.stage.ask(EchoModality(target="receiver"))
        hearing.join(10)

    assert heard == [NEW_CIPHER, b""]  # and no A-ASSOCIATE-RQ


def test_a_receiver_without_tls_is_sent_nothing(server, keys, calling):
    receiver = calling(None)
    heard = []

    with socket.create_server((HERE, receiver.port)) as listening:

        def hear():
            connection, _ = listening.accept()
            with connection:
                heard.append(connection.recv(4096))
                connection.sendall(bytes(10))

        hearing = threading.Thread(target=hear)
        hearing.start()
        with pytest.raises(NetworkFailed):
            server.stage.ask(EchoModality(target="receiver"))
        hearing.join(10)

    assert heard[0][0] == 0x16  # the handshake of TLS, and no A-ASSOCIATE-RQ


def test_a_receiver_that_wants_tls_is_not_called_without(server, keys, calling):
    receiver = calling(keys.of_server(keys.modality), use_tls=False)

    with receiver.listening(), pytest.raises(NetworkFailed):
        server.stage.ask(EchoModality(target="receiver"))


def test_two_archives_speak_with_each_other_over_tls(server, keys, calling):
    server.start(tls=keys.of_archive())
    entry = Modality("ORTHANC", HERE, server.port, use_tls=True)
    crew = ThreadCrew(1, name="client")
    certificate, key = keys.modality
    tls = TlsOptions(certificate=certificate, private_key=key, trusted=keys.hospital.trusted)
    options = ClientOptions(timeout=5.0, tls=tls)
    ref = server.stage.put_on(
        DicomClientActor, book=ModalityBook({"us": entry}), options=options, crew=crew
    )
    try:
        server.stage.ask(EchoModality(target="us"))
    finally:
        server.stage.take_off(ref)
