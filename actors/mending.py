"""What the storage does when a file is found to be damaged, and when a good copy comes in."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import structlog

from repertory.actors.crew import Crew
from repertory.actors.messages.integrity import MendInstance, NoteDamage
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import FileCorrupted, FileLost, StorageFailed
from repertory.integrity import Damage, IndexedFile
from repertory.model import (
    Attachment,
    Level,
    ResourceId,
    ResourceRef,
    StoreReceipt,
    StoreStatus,
    Summary,
)
from repertory.storage.examining import examine
from repertory.storage.files import Files
from repertory.storage.index.packing import pack_md5, pack_uuid

log = structlog.get_logger(__name__)


class Mending:
    """Marks files that cannot be read, and replaces them when their instances come in again."""

    def __init__(
        self,
        *,
        board: Switchboard,
        files: Files,
        crew: Crew,
        take_back: Callable[[Attachment, Reply[Any]], None],
    ) -> None:
        """Take what it works with; ``take_back`` removes a file once the index has refused it."""
        self._board = board
        self._files = files
        self._crew = crew
        self._take_back = take_back

    @contextmanager
    def watching(self, level: Level, id_: ResourceId, attachment: Attachment) -> Iterator[None]:
        """Let whoever reads a file in vain know which one it is, and mark it as damaged."""
        whose = f"The file {attachment.uuid} of the {level.word.lower()} {id_}"
        try:
            yield
        except FileLost as error:
            self._note(level, id_, attachment, Damage.LOST)
            raise FileLost(f"{whose} is missing.") from error
        except FileCorrupted as error:
            self._note(level, id_, attachment, Damage.CORRUPTED)
            raise FileCorrupted(f"{whose} is not as it was when it was stored.") from error

    @contextmanager
    def watching_for_corruption(
        self, owner: ResourceRef | None, attachment: Attachment
    ) -> Iterator[None]:
        """The same for who looks elsewhere for a file that is lost."""
        try:
            yield
        except FileCorrupted:
            with self.watching_for(owner, attachment):
                raise

    def watching_for(
        self, owner: ResourceRef | None, attachment: Attachment
    ) -> AbstractContextManager[None]:
        """The same for a file whose owner may be unknown; then nothing is marked."""
        if owner is None:
            return nullcontext()
        return self.watching(owner.level, owner.id, attachment)

    def _note(self, level: Level, id_: ResourceId, file: Attachment, damage: Damage) -> None:
        def tell(reply: Reply[bool]) -> None:
            # A file that its resource has let go of meanwhile is not damaged; one that is marked
            # was told of before. An index that cannot mark it does not keep it a secret.
            if reply.error is not None or reply.get():
                log.error(
                    "file_damaged", level=level.word, id=id_, uuid=file.uuid, damage=damage.value
                )

        # Nobody waits: should the index be busy, the next reader notes it.
        self._board.ask_soon(
            NoteDamage(
                level=level,
                id=id_,
                content_type=file.content_type,
                uuid=file.uuid,
                damage=damage,
            )
        ).on_done(tell)

    def settle(
        self, receipt: StoreReceipt, attachment: Attachment, summary: Summary
    ) -> StoreReceipt | Reply[StoreReceipt]:
        """Decide what becomes of a file whose instance may have been there already."""
        if receipt.status is not StoreStatus.ALREADY_STORED:
            return receipt
        return self._crew.tidy(lambda: self._keep_the_better(receipt, attachment, summary))

    def _keep_the_better(
        self, receipt: StoreReceipt, attachment: Attachment, summary: Summary
    ) -> StoreReceipt | Reply[StoreReceipt]:
        stored = receipt.stored
        try:
            damage = None if stored is None else self._damage_of(stored)
        except StorageFailed:
            damage = None  # it cannot be looked at just now, so nothing speaks against it
        if stored is None or damage is None:
            self._drop(attachment)
            return receipt

        def tell(mended: bool) -> StoreReceipt:
            if mended:
                log.warning(
                    "instance_mended",
                    id=receipt.ids.instance,
                    damage=damage.value,
                    replaced=stored.uuid,
                    uuid=attachment.uuid,
                )
            return StoreReceipt(receipt.ids, receipt.status, stored=stored, repaired=mended)

        mending = MendInstance(
            id=receipt.ids.instance, replaces=stored.uuid, attachment=attachment, summary=summary
        )
        reply = self._board.ask_soon(mending)
        self._take_back(attachment, reply)
        return reply.then(tell)

    def _damage_of(self, stored: Attachment) -> Damage | None:
        """What is wrong with a file; what was marked is read again: it may be well by now."""
        file = IndexedFile(
            0,
            stored.content_type,
            pack_uuid(stored.uuid),
            stored.compressed_size,
            pack_md5(stored.compressed_md5),
            stored.location,
        )
        area = self._files.area_at(stored.location)
        found = examine(area, file, checksums=bool(stored.damage)).damage
        if found is None and stored.damage == Damage.CORRUPTED.value and file.md5 is None:
            return Damage.CORRUPTED  # without a sum, whoever marked it knows best
        return found

    def _drop(self, attachment: Attachment) -> None:
        """Remove a file that came in vain; it was never in the index."""
        try:
            self._files.remove(attachment.uuid, attachment.content_type, attachment.location)
        except StorageFailed:
            # The instance is stored all the same; a check finds the file, and sets it aside.
            log.warning("duplicate_kept", uuid=attachment.uuid)
