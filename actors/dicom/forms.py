"""In which transfer syntaxes instances are sent: as they are stored, or as the other side takes."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Final

from repertory.actors.dicom.options import ClientOptions
from repertory.actors.dicom.sending import Outgoing, pairs
from repertory.actors.messages.transcoding import ReadTranscoded, TranscodedFile
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import Unsupported
from repertory.modalities import Modality
from repertory.storage.dicom.wire import EXPLICIT, IMPLICIT
from repertory.storage.pixels.syntaxes import LOSSY

Fitted = tuple[Outgoing, bytes]
"""An instance in the transfer syntax that it is sent in, and its file."""

_EVERYBODYS: Final = (EXPLICIT, IMPLICIT)


class Forms:
    """Proposes transfer syntaxes, and has files transcoded that the other side would not take.

    What is stored stays as it is. Nothing is lost on the way: an instance that had to lose
    something would be another one (PS3.3 C.7.6.1.1.5), and whoever asked for this one gets none.
    """

    def __init__(self, board: Switchboard, options: ClientOptions) -> None:
        self._board = board
        self._enabled = options.transcodes
        preferred = options.preferred_syntax
        targets = (preferred, *_EVERYBODYS) if preferred not in LOSSY else _EVERYBODYS
        self._targets = tuple(dict.fromkeys(targets))

    def propose(
        self, modality: Modality, instances: Iterable[Outgoing]
    ) -> list[tuple[str, list[str]]]:
        """What to propose: each SOP class as it is stored, then as it could be transcoded."""
        stored = pairs(instances)
        contexts = [(sop_class, [syntax]) for sop_class, syntax in stored]
        if not self.may(modality):
            return contexts
        for sop_class in dict.fromkeys(it for it, _ in stored):
            others = [it for it in self._targets if (sop_class, it) not in stored]
            # Each in a context of its own: the other side may take several.
            contexts += [(sop_class, [it]) for it in others]
        return contexts

    def may(self, modality: Modality | None) -> bool:
        """Whether files are transcoded for a modality; ``None`` is one that is not known."""
        return self._enabled and (modality is None or modality.transcoding)

    def transcoded(
        self, modality: Modality | None, instance: Outgoing, accepted: Collection[str]
    ) -> Reply[Fitted]:
        """An instance in a transfer syntax that is accepted for its SOP class.

        The reply may be the refusal ``Unsupported``: it cannot be had in any.
        """
        targets = tuple(it for it in self._targets if it in accepted)
        if not self.may(modality) or not targets:
            refused: Reply[Fitted] = Reply()
            refused.refuse(Unsupported("The other side does not take it in its transfer syntax."))
            return refused

        def fit(file: TranscodedFile) -> Fitted:
            if file.instance:
                raise Unsupported("It could not be sent without losing something.")
            return replace(instance, transfer_syntax=file.transfer_syntax), file.content

        question = ReadTranscoded(id=instance.id, syntaxes=targets, remember=False)
        return self._board.ask_soon(question).then(fit)
