"""TLS of those who call, and of those who are called."""

import ssl

from repertory.actors.dicom.options import ClientOptions, TlsOptions
from repertory.conf.tls import is_accepted, limit
from repertory.errors import CannotStart, NetworkFailed
from repertory.modalities import Modality


def tls_of(options: ClientOptions, modality: Modality) -> ssl.SSLContext | None:
    """How a modality is spoken to by TLS; ``None`` without.

    Raises:
        NetworkFailed: it wants TLS, and we have no certificate.
        CannotStart: a certificate or key cannot be read.
    """
    if not modality.use_tls:
        return None
    tls = options.tls
    if tls is None:
        raise NetworkFailed("UseDicomTls needs DicomTlsCertificate and DicomTlsPrivateKey.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _limit(context, tls)
    context.check_hostname = False  # DICOM's certificates name devices, not hosts
    try:
        context.load_cert_chain(tls.certificate, tls.private_key)
        if tls.trusted is not None:
            context.load_verify_locations(tls.trusted)
        else:
            context.verify_mode = ssl.CERT_NONE
    except OSError as error:
        raise CannotStart(f"The certificates of the DICOM protocol: {error}.") from error
    return context


def tls_context(options: TlsOptions) -> ssl.SSLContext:
    """TLS for those who call: unless told otherwise as the BCP 195 profile wants it (PS3.15 B.9).

    Raises:
        CannotStart: a certificate or key cannot be read, or nobody is trusted where they must be,
            or there is no such cipher.
    """
    if options.remote_required and options.trusted is None:
        raise CannotStart(
            "DicomTlsRemoteCertificateRequired needs DicomTlsTrustedCertificates: without, nobody"
            " could be let in."
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _limit(context, options)
    try:
        context.load_cert_chain(options.certificate, options.private_key)
        if options.trusted is not None:
            context.load_verify_locations(options.trusted)
    except OSError as error:
        raise CannotStart(f"The certificates of the DICOM protocol: {error}.") from error
    if options.trusted is not None:
        context.verify_mode = ssl.CERT_REQUIRED if options.remote_required else ssl.CERT_OPTIONAL
    return context


def insist(connection: ssl.SSLSocket, options: TlsOptions | None) -> None:
    """Break off where a cipher was agreed on that is not accepted.

    Raises:
        ssl.SSLError: it was.
    """
    if options is not None and not is_accepted(connection, options.ciphers):
        raise ssl.SSLError("a cipher that DicomTlsCiphersAccepted does not have")


def _limit(context: ssl.SSLContext, options: TlsOptions) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        limit(context, oldest=options.oldest, ciphers=options.ciphers)
    except ssl.SSLError as error:
        raise CannotStart(f"DicomTlsCiphersAccepted: {error.args[0]}.") from error
