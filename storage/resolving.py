"""Looking up the names of a search: in the DICOM dictionary, and among the main DICOM tags."""

from collections.abc import Iterable

from repertory.criteria import Criteria, Order
from repertory.errors import BadParameter, BadRequest
from repertory.model import Level, Metadata, TagForm
from repertory.storage.dicom.lookup import resolve_tag
from repertory.storage.dicom.names import asked_entry, parse_tag
from repertory.storage.index.normalization import SEARCHED
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.patterns import RANGED, Kind, Pattern, parse_patterns
from repertory.storage.searching import (
    MetadataConstraint,
    OrderKey,
    Search,
    TagConstraint,
    Wanted,
)

MODALITIES_IN_STUDY = "0008,0061"
INSTANCE_AVAILABILITY = "0008,0056"
SOP_CLASSES_IN_STUDY = "0008,0062"

COMPUTED: dict[str, Level] = {
    INSTANCE_AVAILABILITY: Level.PATIENT,
    MODALITIES_IN_STUDY: Level.STUDY,
    SOP_CLASSES_IN_STUDY: Level.STUDY,
    "0020,1200": Level.PATIENT,  # NumberOfPatientRelatedStudies
    "0020,1202": Level.PATIENT,  # NumberOfPatientRelatedSeries
    "0020,1204": Level.PATIENT,  # NumberOfPatientRelatedInstances
    "0020,1206": Level.STUDY,  # NumberOfStudyRelatedSeries
    "0020,1208": Level.STUDY,  # NumberOfStudyRelatedInstances
    "0020,1209": Level.SERIES,  # NumberOfSeriesRelatedInstances
}
"""Tags that are worked out, with the highest level that has them."""

LONGEST = 2_000
"""Letters of a text with wildcards: SQLite takes no longer ones than 50,000 bytes."""

_DATES = frozenset({int(Metadata.RECEPTION_DATE), int(Metadata.LAST_UPDATE)})
_IDENTIFIERS = {tag: level for level, columns in SEARCHED.items() for tag in columns}


class Resolver:
    """Looks up names for an archive.

    ``case_sensitive_pn`` says whether names of persons are compared with regard to case where
    a search does not say it (``CaseSensitivePN``).
    """

    def __init__(self, main_tags: MainDicomTags, *, case_sensitive_pn: bool = False) -> None:
        self._main_tags = main_tags
        self._case_sensitive_pn = case_sensitive_pn

    def search(self, criteria: Criteria) -> Search:
        """The search that is meant.

        Raises:
            BadParameter: a name is unknown, or cannot be searched or ordered by at this level.
            BadRequest: some may be passed over only where no file has to be read.
        """
        level = criteria.level
        tags = [self._constraint(level, *pair, criteria.case_sensitive) for pair in criteria.tags]
        constraints = [it for it in tags if it.patterns]
        in_files = tuple(it for it in constraints if it.level is None)
        if in_files and criteria.since:
            raise BadRequest(
                f"{_names(in_files)} cannot be searched in the index, and Since only counts there."
            )
        for parent in criteria.parents:
            if parent.level >= level:
                raise BadParameter(f"A {level.word} has no {parent.level.word} above it.")
        return Search(
            level=level,
            tags=tuple(it for it in constraints if it.level is not None),
            in_files=in_files,
            metadata=tuple(_metadata(criteria)),
            labels=criteria.labels,
            labels_constraint=criteria.labels_constraint,
            parents=criteria.parents,
            within=criteria.within,
            among=criteria.among,
            order=tuple(self._order_key(level, order) for order in criteria.order),
            since=criteria.since,
            limit=criteria.limit,
        )

    def wanted(self, level: Level, names: Iterable[str], form: TagForm) -> Wanted:
        """Where tags to be shown are found.

        Raises:
            BadParameter: a name is unknown.
        """
        kept: list[tuple[str, Level]] = []
        computed: list[str] = []
        in_files: list[str] = []
        for tag in dict.fromkeys(resolve_tag(name) for name in names):
            place = self._home(level, tag)
            if tag in COMPUTED and level >= COMPUTED[tag]:
                computed.append(tag)
            elif place is not None and place <= level:
                kept.append((tag, place))
            else:
                in_files.append(tag)
        return Wanted(form, tuple(kept), tuple(computed), tuple(in_files))

    def _place(self, level: Level, tag: str) -> Level | None:
        """The nearest level where the tag can be compared: this one, one above, or one below."""
        # Of a sequence, the index has nothing to compare.
        return None if _vr(tag) == "SQ" else self._home(level, tag)

    def _home(self, level: Level, tag: str) -> Level | None:
        """The nearest level that keeps the tag: this one, one above, or else one below."""
        levels = self._main_tags.levels.get(tag, ())
        above = [it for it in levels if it <= level]
        if above:
            return max(above)
        return min(levels, default=None)

    def _constraint(
        self, level: Level, name: str, value: str, case_sensitive: bool | None
    ) -> TagConstraint:
        tag = resolve_tag(name)
        entry = asked_entry(_number(tag))
        patterns = parse_patterns(value, ranged=entry.vr in RANGED)
        if case_sensitive is None:
            case_sensitive = self._case_sensitive_pn and entry.vr == "PN"
        constraint = TagConstraint(
            tag=tag,
            name=entry.name,
            level=Level.STUDY if tag == MODALITIES_IN_STUDY else self._place(level, tag),
            patterns=patterns,
            case_sensitive=case_sensitive,
            is_identifier=tag in _IDENTIFIERS,
            value=value,
            is_ranged=entry.vr in RANGED,
        )
        if patterns:
            _check(level, constraint)
            _check_lengths(entry.name, patterns)
        return constraint

    def _order_key(self, level: Level, order: Order) -> OrderKey:
        if order.kind.is_metadata:
            return OrderKey(order.kind, order.descending, level, number=int(order.key))
        tag = resolve_tag(order.key)
        place = self._place(level, tag)
        if place is None or place > level:
            raise BadParameter(
                f"{asked_entry(_number(tag)).name} cannot be ordered by: the index does not keep it"
                f" for a {level.word}, nor above. ExtraMainDicomTags can make it do so."
            )
        return OrderKey(order.kind, order.descending, place, tag=tag)


def _check(level: Level, constraint: TagConstraint) -> None:
    """Refuse what makes no sense at this level."""
    tag = constraint.tag
    own = _IDENTIFIERS.get(tag)
    if own is not None and own > level:
        raise BadParameter(
            f"{constraint.name} belongs to a {own.word}: it can be searched at Level {own.word}"
            f" or below, not at Level {level.word}."
        )
    if _vr(tag) == "SQ":
        raise BadParameter(f"{constraint.name} is a sequence, which cannot be searched.")
    if tag == MODALITIES_IN_STUDY and level >= Level.STUDY:
        return
    if tag in COMPUTED:
        raise BadParameter(f"{constraint.name} is computed, and cannot be searched at this level.")


def _check_lengths(name: str, patterns: Iterable[Pattern]) -> None:
    if any(len(it.text) > LONGEST for it in patterns if it.kind is Kind.WILDCARD):
        raise BadParameter(f"What {name} shall match is longer than {LONGEST} letters.")


def _metadata(criteria: Criteria) -> Iterable[MetadataConstraint]:
    for number, value in criteria.metadata:
        patterns = parse_patterns(value, ranged=number in _DATES)
        if patterns:
            _check_lengths(f"the metadata {number}", patterns)
            yield MetadataConstraint(number, patterns, criteria.case_sensitive or False)


def _number(tag: str) -> int:
    return parse_tag(tag) or 0


def _vr(tag: str) -> str:
    return asked_entry(_number(tag)).vr


def _names(constraints: Iterable[TagConstraint]) -> str:
    return " and ".join(it.name for it in constraints)
