"""TLS of those who are called."""

import ssl

from repertory.actors.dicom.options import ClientOptions
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
    context.minimum_version = ssl.TLSVersion.TLSv1_2
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
