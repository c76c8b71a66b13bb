"""Other archives that are reached by HTTP: who they are, whether they are there, what is sent."""

from aiohttp import web

from repertory.actors.messages.peers import (
    DeletePeer,
    DescribePeer,
    DescribePeerSystem,
    ForwardToPeer,
    ListPeers,
    SetPeer,
)
from repertory.errors import NotDicom, UnknownResource
from repertory.http.answers import answer, done
from repertory.http.bodies import read_bytes
from repertory.http.bridge import ask
from repertory.http.jobs import Submission, run, submit
from repertory.http.modalities import read_body
from repertory.http.routing import Routes
from repertory.http.sending import read_sending, what_to_send
from repertory.peers import read_peer, shown

routes = Routes()

_OPERATIONS = ["configuration", "store", "store-straight", "system"]


def _name(request: web.Request) -> str:
    return request.match_info["id"]


@routes.get("/peers")
async def list_peers(request: web.Request) -> web.Response:
    """List the names of the peers.

    - `expand`: an object of their configurations by name instead; without passwords.
    """
    found = await ask(request, ListPeers())
    if "expand" in request.query:
        return answer({name: shown(it) for name, it in found.items()})
    return answer(sorted(found))


@routes.get("/peers/{id}", bare=(UnknownResource,))
async def list_peer_operations(request: web.Request) -> web.Response:
    """List what can be asked of a peer."""
    await ask(request, DescribePeer(name=_name(request)))
    return answer(_OPERATIONS)


@routes.get("/peers/{id}/configuration")
async def describe_peer(request: web.Request) -> web.Response:
    """Describe a peer as it is configured; of passwords, headers and files not the values."""
    return answer(shown(await ask(request, DescribePeer(name=_name(request)))))


@routes.put("/peers/{id}")
async def set_peer(request: web.Request) -> web.Response:
    """Enter a peer, or change it: until the archive stops, or with OrthancPeersInDatabase for good.

    The body is an array `[Url]` or `[Url, Username, Password]`, or an object with `Url` and
    whatever is wanted of `Username`, `Password`, `HttpHeaders`, `CertificateFile`,
    `CertificateKeyFile`, `CertificateKeyPassword` and `Timeout`.
    """
    try:
        peer = read_peer(await read_body(request))
    except ValueError as error:
        raise NotDicom(str(error)) from None
    await ask(request, SetPeer(name=_name(request), peer=peer))
    return done()


@routes.delete("/peers/{id}")
async def delete_peer(request: web.Request) -> web.Response:
    """Forget a peer; without OrthancPeersInDatabase, one of the configuration comes back."""
    await ask(request, DeletePeer(name=_name(request)))
    return done()


@routes.get("/peers/{id}/system")
async def describe_peer_system(request: web.Request) -> web.Response:
    """Give what a peer says of itself: its `/system`."""
    return answer(await ask(request, DescribePeerSystem(name=_name(request))))


@routes.post("/peers/{id}/store")
async def send_to_peer(request: web.Request) -> web.Response:
    """Send resources of any level to a peer, by a job.

    The body is an identifier, an array of them, or an object:

    - `Resources`: identifiers; required.
    - `Compress`: whether files are packed by gzip on their way (false).
    - `Transcode`: the transfer syntax that files shall have there; what cannot be had so is sent
      as it is.
    - `Permissive`: whether to go on after an instance that the peer did not take.
    - `Retries`: how often it is tried again where the peer cannot be reached (0).
    - `Synchronous`, `Asynchronous`: whether the answer waits for the job (it does).
    - `Priority`, `UserData`: of the job.

    Raises:
        UnknownResource: one of them is not there, or there is no such peer.
    """
    fields = await read_sending(request)
    how = Submission(fields)
    peer = await ask(request, DescribePeer(name=_name(request)))
    parameters = {
        "Peer": _name(request),
        "Address": [peer.url, peer.username, ""] if peer.username else [peer.url],
        "Compress": fields.get("Compress", default=False),
        "Transcode": fields.get("Transcode", ""),
        "Permissive": fields.get("Permissive", default=False),
        "Retries": fields.get("Retries", 0),
        **await what_to_send(request, fields),
    }
    if not how.synchronous:
        return await submit(request, "OrthancPeerStore", parameters, how)
    return answer((await run(request, "OrthancPeerStore", parameters, how)).content)


@routes.post("/peers/{id}/store-straight")
async def forward_to_peer(request: web.Request) -> web.Response:
    """Send the DICOM file that is the body to a peer; the answer is the peer's.

    The archive neither keeps nor reads it.
    """
    await ask(request, DescribePeer(name=_name(request)))
    content = await read_bytes(request)
    if not content:
        raise NotDicom("The body is empty.")
    return answer(await ask(request, ForwardToPeer(name=_name(request), content=content)))
