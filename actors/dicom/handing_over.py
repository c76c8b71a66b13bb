"""Associations over which instances come, handed over to other processes where there are some."""

from repertory.actors.dicom.access import Caller, Guard
from repertory.actors.dicom.negotiation import PLAIN, VERIFICATION
from repertory.actors.dicom.upper.association import Association
from repertory.actors.messages.dicom import AgreedContext, ServeAssociation
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.modalities import Service


class HandingOver:
    """Finds out which associations can be served elsewhere, and has them served.

    Those for C-STORE and C-ECHO alone: what else may be asked for needs what only this process
    has. What the caller may do is decided here, when its association begins.
    """

    def __init__(self, board: Switchboard, guard: Guard) -> None:
        self._board = board
        self._guard = guard

    def hand_over(
        self, association: Association, caller: Caller, descriptor: int, *, is_alone: bool
    ) -> Reply[bool] | None:
        """Whether another process has served it, told at its end; ``None`` where none can.

        ``descriptor`` is the connection; it stays ours, too. ``is_alone`` is whether there is no
        other association.
        """
        contexts = tuple(association.contexts.values())
        if not self._board.is_handled(ServeAssociation) or not all(
            it.as_scp and not it.as_scu and _is_of_instances(it.abstract_syntax) for it in contexts
        ):
            return None
        return self._board.ask_soon(
            ServeAssociation(
                descriptor=descriptor,
                contexts=tuple(
                    AgreedContext(
                        number=it.number,
                        abstract_syntax=it.abstract_syntax,
                        transfer_syntax=it.transfer_syntax,
                    )
                    for it in contexts
                ),
                largest=association.largest,
                title=caller.title,
                called=caller.called,
                ip=caller.ip,
                services=frozenset(
                    it.value
                    for it in (Service.ECHO, Service.STORE)
                    if self._guard.allows(caller, it)
                ),
                is_alone=is_alone,
            )
        )


def _is_of_instances(sop_class: str) -> bool:
    return sop_class == VERIFICATION or sop_class not in PLAIN
