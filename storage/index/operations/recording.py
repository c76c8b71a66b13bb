"""Entering an instance."""

from collections.abc import Mapping

from repertory.errors import IndexFailed
from repertory.model import (
    Attachment,
    ChangeType,
    Level,
    Origin,
    ResourceId,
    ResourceIds,
    StoreReceipt,
    StoreStatus,
    Summary,
)
from repertory.storage.index.database import Database
from repertory.storage.index.normalization import normalized
from repertory.storage.index.operations import metadata
from repertory.storage.index.operations.group import Group, Lineage
from repertory.storage.index.operations.mending import file_of
from repertory.storage.index.operations.overwriting import Overwriter
from repertory.storage.index.operations.parents import (
    FIND_RESOURCE,
    NewParents,
    find_series,
    pack_known_id,
    plan_parents,
)
from repertory.storage.index.operations.recycling import Recycler
from repertory.storage.index.operations.refreshing import place_of
from repertory.storage.index.packing import (
    pack_attachment,
    pack_metadata,
    pack_tags,
)
from repertory.storage.index.policy import Overwriting, StorePolicy

FIND_PLACES = (
    "SELECT index_in_series FROM resources WHERE parent = ? AND index_in_series IS NOT NULL"
)
INSERT_INSTANCE = (
    "INSERT INTO resources"
    " (id, public_id, level, parent, index_in_series, sop_uid, main_tags, metadata)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (public_id, level) DO NOTHING"
)

REMEMBERED = 1_024
"""How many series are remembered with their parents, so that each is looked up once."""


class Recorder:
    """Enters instances.

    ``signatures`` are the metadata MainDicomTagsSignature of each level.
    """

    def __init__(self, db: Database, group: Group, signatures: Mapping[Level, str]) -> None:
        self._db = db
        self._group = group
        self._signatures = signatures
        self._lineages: dict[ResourceId, Lineage] = {}
        self.recycler = Recycler(db, group)
        self._overwriter = Overwriter(db, group, signatures, self.recycler)

    def forget(self) -> None:
        """Look every series and the quietest patients up again: some may be gone."""
        self._lineages.clear()
        self.recycler.forget()

    def record(  # noqa: C901, PLR0912, PLR0917 - the way of every instance, in one piece
        self,
        ids: ResourceIds,
        summary: Summary,
        attachment: Attachment | None,
        origin: Origin,
        policy: StorePolicy,
        now: float,
        *,
        release_duplicate: bool = True,
        moment: float | None = None,
    ) -> StoreReceipt:
        """Enter an instance, with the parents that it lacks.

        The file of one that is there already is released, unless the caller looks after it.
        Its parents are quiet since ``moment``, or since ``now``.

        Raises:
            BadParameter: something cannot be kept as it is; nothing was written.
            LimitReached: there is no room for it; nothing was written.
        """
        # Everything that may be refused comes before the first write.
        digest = pack_known_id(ids.instance)
        file = pack_attachment(attachment) if attachment is not None else None
        place = place_of(summary)
        signature = self._signatures.get(Level.INSTANCE)
        values = (
            place,
            normalized(summary.identity.sop_instance_uid),
            pack_tags(summary.main_tags.get(Level.INSTANCE, {})),
            pack_metadata(metadata.of_instance(summary, origin, now, signature)),
        )
        group = self._group
        lineage = self._lineages.get(ids.series) or find_series(self._db, ids.series)
        if lineage is None or policy.is_limited or policy.overwriting is not Overwriting.NEVER:
            known = self._db.one(FIND_RESOURCE, (digest, 4))
            if known is not None:
                # A UID with a "|" in it can put one instance into two series.
                if lineage is None or known[1] != lineage.series:
                    return self._leave(ids, digest, attachment, release=release_duplicate)
                if not self._overwriter.wants(known[0], attachment, policy):
                    return self._leave(ids, digest, attachment, release=release_duplicate)
                receipt = self._overwrite(
                    known[0], lineage, ids, summary, attachment, origin, policy, now
                )
                self._restart_period(lineage, policy.stable_ages.of(summary, origin), moment)
                return receipt
        plan = None
        if lineage is None:
            plan = plan_parents(self._db, ids, summary, origin, self._signatures)
        recycled: tuple[ResourceId, ...] = ()
        emptied = False
        if policy.is_limited:
            patient = lineage.patient if lineage else plan.known_patient if plan else None
            size = attachment.compressed_size if attachment is not None else 0
            recycled = self.recycler.make_room(policy, size, patient=patient, now=now)
            emptied = self.recycler.emptied_trash
            if recycled:
                self._lineages.clear()
        if plan is not None:
            lineage = self._make_parents(plan)
        if lineage is None:
            raise IndexFailed
        self._remember(ids.series, lineage)

        number = group.last_instance + 1
        group.writing = True
        if not self._db.insert_new(
            INSERT_INSTANCE, (number, digest, Level.INSTANCE.value, lineage.series, *values)
        ):
            return self._leave(ids, digest, attachment, release=release_duplicate)
        group.last_instance = number
        news = group.news_of(lineage)
        news.instances += 1
        if attachment is not None and file is not None:
            group.attach(number, file)
            news.disk_size += attachment.compressed_size
            news.uncompressed_size += attachment.uncompressed_size
        news.activity = number
        news.at = now
        self._restart_period(lineage, policy.stable_ages.of(summary, origin), moment)
        group.log(ChangeType.NEW_INSTANCE, number, now)
        if lineage.fresh:
            self._log_parents(lineage, now)
        if place is not None and lineage.expected is not None:
            self._log_completed(lineage, place, now)
        return StoreReceipt(
            ids,
            StoreStatus.SUCCESS,
            activity=number,
            recycled=recycled,
            emptied_trash=emptied,
        )

    def _overwrite(  # noqa: PLR0917 - what ``record`` has found out
        self,
        number: int,
        lineage: Lineage,
        ids: ResourceIds,
        summary: Summary,
        attachment: Attachment | None,
        origin: Origin,
        policy: StorePolicy,
        now: float,
    ) -> StoreReceipt:
        recycled = self._overwriter.overwrite(
            number, lineage, summary, attachment, origin, policy, now
        )
        self._lineages.clear()
        self._remember(ids.series, lineage)
        if summary.index_in_series is not None and lineage.expected is not None:
            self._log_completed(lineage, summary.index_in_series, now)
        return StoreReceipt(
            ids,
            StoreStatus.SUCCESS,
            activity=self._group.last_instance,
            recycled=recycled,
            overwritten=True,
        )

    def _restart_period(self, lineage: Lineage, age: float, moment: float | None) -> None:
        news = self._group.news_of(lineage)
        news.age = max(news.age, age)
        news.quiet_since = news.at if moment is None else moment

    def _leave(
        self, ids: ResourceIds, digest: bytes, attachment: Attachment | None, *, release: bool
    ) -> StoreReceipt:
        if attachment is None:
            return StoreReceipt(ids, StoreStatus.ALREADY_STORED)
        if release:
            self._group.release(attachment)
            return StoreReceipt(ids, StoreStatus.ALREADY_STORED)
        # The file may have come in this very group.
        self._group.flush_files()
        return StoreReceipt(ids, StoreStatus.ALREADY_STORED, stored=file_of(self._db, digest))

    def _remember(self, id_: ResourceId, lineage: Lineage) -> None:
        if len(self._lineages) >= REMEMBERED:
            self._lineages.clear()
        self._lineages[id_] = lineage

    def _make_parents(self, plan: NewParents) -> Lineage:
        group = self._group
        group.writing = True
        lineage, group.last_parent = plan.insert(self._db, group.last_parent)
        news = group.news_of(lineage)
        news.new_series = True
        news.new_study = plan.known_study is None
        news.new_patient = plan.known_patient is None
        return lineage

    def _log_parents(self, lineage: Lineage, now: float) -> None:
        lineage.fresh = False
        group = self._group
        news = group.news_of(lineage)
        group.log(ChangeType.NEW_SERIES, lineage.series, now)
        if news.new_study:
            group.log(ChangeType.NEW_STUDY, lineage.study, now)
        if news.new_patient:
            group.log(ChangeType.NEW_PATIENT, lineage.patient, now)

    def _log_completed(self, lineage: Lineage, place: int, now: float) -> None:
        """Log CompletedSeries if the instance just recorded, at ``place``, was the last missing."""
        expected = lineage.expected or 0
        if lineage.places is None:
            rows = self._db.all(FIND_PLACES, (lineage.series,))
            lineage.places = {row[0] for row in rows}
            lineage.flawed = len(lineage.places) < len(rows)
        else:
            lineage.flawed |= place in lineage.places
            lineage.places.add(place)
        places = lineage.places
        if lineage.flawed or len(places) != expected:
            return
        if min(places) == 1 and max(places) == expected:
            self._group.log(ChangeType.COMPLETED_SERIES, lineage.series, now)
