"""The section Tiering: rules by which files move between storages, and come back when read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from repertory.conf.fields import not_negative, one_of, one_to, positive, section, setting
from repertory.conf.housekeeper import schedule

_AMOUNT = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(%|MB|GB|TB)\s*")
_UNITS = {"MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")

PREFETCHES = ("None", "Series", "Study")
"""What may come back with an instance that is read."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Room on a disk: a share of it in per cent, or bytes."""

    value: float
    is_share: bool

    def of(self, total: int) -> float:
        """The bytes that it comes to on a disk of ``total`` bytes."""
        return total * self.value / 100 if self.is_share else self.value


def amount(text: str) -> Amount:
    """What ``"10%"``, ``"500 GB"`` or ``"1.5TB"`` means (a GB has 1024³ bytes).

    Raises:
        ValueError: it means nothing; the message is the end of a sentence.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise ValueError('must be a share or a size such as "10%" or "500 GB"')
    value, unit = float(found.group(1)), found.group(2)
    if unit == "%" and value > 100:
        raise ValueError("must not be more than 100%")
    return Amount(value if unit == "%" else value * _UNITS[unit], unit == "%")


def amount_or_empty(value: str) -> str | None:
    """An amount of room on a disk, or nothing."""
    try:
        if value:
            amount(value)
    except ValueError as error:
        return str(error)
    return None


def _name(value: str) -> str | None:
    if _NAME.fullmatch(value) is None:
        return "must have 1 to 64 letters, digits, dots, dashes and underscores"
    return None


def _labels(value: list[str]) -> str | None:
    wrong = [label for label in value if _LABEL.fullmatch(label) is None]
    return f"must be labels, and {wrong[0]!r} is none" if wrong else None


def _modalities(value: list[str]) -> str | None:
    wrong = [word for word in value if not 1 <= len(word.strip()) <= 16]
    return "must have names of 1 to 16 characters" if wrong else None


@section("Rules", strict=True)
class TieringRuleSettings:
    """A rule: which studies lie where. All of its conditions must be met."""

    name: str = setting(
        default="", meaning="What the rule is called, in the status and in the log.", check=_name
    )
    source: str = setting(
        default="",
        meaning="The storage whose files move; empty: every storage but To.",
        name="From",
    )
    target: str = setting(default="", meaning="The storage that they move to.", name="To")
    received_before_days: float = setting(
        default=0.0,
        meaning="Condition: nothing came into the study for as many days; 0: no condition.",
        check=not_negative,
    )
    not_read_for_days: float = setting(
        default=0.0,
        meaning=(
            "Condition: nothing came into the study, and none of its files was read, for as many"
            " days; 0: no condition."
        ),
        check=not_negative,
    )
    modalities: list[str] = setting(
        default_factory=list,
        meaning="Condition: the study has a series of one of these modalities (0008,0060).",
        check=_modalities,
    )
    labels: list[str] = setting(
        default_factory=list,
        meaning="Condition: the study has one of these labels.",
        check=_labels,
    )
    without_labels: list[str] = setting(
        default_factory=list,
        meaning="Condition: the study has none of these labels.",
        check=_labels,
    )
    free_below: str = setting(
        default="",
        meaning=(
            'Condition: less than this is free on the disk From: "10%", "500 GB". Then studies'
            " move one after the other, until FreeUntil is free."
        ),
        check=amount_or_empty,
    )
    free_until: str = setting(
        default="",
        meaning="How much is to be free then, written as FreeBelow is.",
        check=amount_or_empty,
    )
    first_out: str = setting(
        default="LastRead",
        meaning=(
            "With FreeBelow, which studies move first: those that were read (or came) the longest"
            " ago, LastRead, or those that came the longest ago, LastReceived."
        ),
        check=one_of("LastRead", "LastReceived"),
    )

    @property
    def has_conditions(self) -> bool:
        """Whether the rule is not about every study at any time."""
        return bool(
            self.received_before_days
            or self.not_read_for_days
            or self.modalities
            or self.labels
            or self.without_labels
            or self.free_below
        )


@section("Recall")
class RecallSettings:
    """What comes back when it is read."""

    enable: bool = setting(default=False, meaning="Whether what is read comes back at all.")
    source: str = setting(
        default="object-storage", meaning="The storage that it comes back from.", name="From"
    )
    target: str = setting(
        default="file-system", meaning="The storage that it comes back to.", name="To"
    )
    prefetch: str = setting(
        default="None",
        meaning=(
            "What comes back with an instance that is read: the rest of its Series, of its Study,"
            " or None."
        ),
        check=one_of(*PREFETCHES),
    )
    keep_days: float = setting(
        default=7.0,
        meaning=(
            "Days after the last read for which no rule moves a study back to From; those that make"
            " room on a disk may."
        ),
        check=not_negative,
    )
    minimum_free: str = setting(
        default="",
        meaning=(
            'How much must be free on To, a disk, or nothing comes back to it: "5%", "100 GB";'
            " empty: as long as there is room."
        ),
        check=amount_or_empty,
    )
    maximum_pending: int = setting(
        default=1000,
        meaning=(
            "How many instances, series or studies may wait to come back; what is read while as"
            " many wait stays where it is."
        ),
        check=positive,
    )
    busy_share: int = setting(
        default=50,
        meaning=(
            "Per cent of the time that files come back while requests are served: there is a rest"
            " after each 64 of them; 100: they do not wait for anybody."
        ),
        check=one_to(100),
    )


@section("Tiering")
class TieringSettings:
    """Rules by which files move between storages, and what comes back when it is read."""

    enable: bool = setting(
        default=False, meaning="Whether the rules hold, and reads are remembered for them."
    )
    rules: list[TieringRuleSettings] = setting(
        default_factory=list,
        meaning=(
            "The rules, in their order: a study stays where the first rule that it meets has it."
        ),
    )
    interval_minutes: float = setting(
        default=60.0,
        meaning="Minutes from the end of a pass over all studies to the next one.",
        check=positive,
    )
    schedule: dict[str, list[str]] = setting(
        default_factory=dict,
        meaning="When rules may work, written as Housekeeper.Schedule is; empty: always.",
        check=schedule,
    )
    busy_share: int = setting(
        default=10,
        meaning="Per cent of the time that rules work while requests are served; 100: always.",
        check=one_to(100),
    )
    recall: RecallSettings = setting(
        default_factory=RecallSettings, meaning="What comes back when it is read."
    )


def faults_of(
    tiering: TieringSettings, storages: tuple[str, ...], disks: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Why the archive must not start: an option, and the rest of the sentence.

    Args:
        tiering: the section.
        storages: the names of all storages that there are.
        disks: those of them that are folders on a disk.
    """
    if not tiering.enable:
        return
    if len(storages) < 2:
        yield "Tiering.Enable", "must not be true where there is only one storage"
        return
    names: set[str] = set()
    freed: list[str] = []
    for number, rule in enumerate(tiering.rules, start=1):
        option = f"Tiering.Rules.{number}"
        if rule.name in names:
            yield f"{option}.Name", f"must not be {rule.name}, as another rule is called"
        names.add(rule.name)
        yield from _faults_of_rule(option, rule, storages, disks)
        if rule.target in freed:
            yield (
                f"{option}.To",
                f"must not be {rule.target}, where a rule before it makes room: put this one first",
            )
        if rule.free_below:
            freed.append(rule.source)
    recall = tiering.recall
    if recall.enable:
        yield from _known("Tiering.Recall.From", recall.source, storages)
        yield from _known("Tiering.Recall.To", recall.target, storages)
        if recall.source == recall.target:
            yield "Tiering.Recall.To", "must not be the same as From"
        if recall.minimum_free and recall.target not in disks:
            yield "Tiering.Recall.MinimumFree", "needs To to be a disk, whose room can be told"


def _faults_of_rule(
    option: str, rule: TieringRuleSettings, storages: tuple[str, ...], disks: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if not rule.name:
        yield f"{option}.Name", "must not be missing"
    yield from _known(f"{option}.To", rule.target, storages)
    if rule.source:
        yield from _known(f"{option}.From", rule.source, storages)
        if rule.source == rule.target:
            yield f"{option}.To", "must not be the same as From"
    if not rule.has_conditions:
        yield option, "must have a condition, or it would move everything"
    if bool(rule.free_below) != bool(rule.free_until):
        absent = "FreeUntil" if rule.free_below else "FreeBelow"
        yield f"{option}.{absent}", "must not be missing beside its other half"
    if rule.free_below:
        yield from _faults_of_room(option, rule, disks)


def _faults_of_room(
    option: str, rule: TieringRuleSettings, disks: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if rule.source not in disks:
        yield f"{option}.From", "must name a disk, whose room FreeBelow is about"
    if rule.free_until:
        below, until = amount(rule.free_below), amount(rule.free_until)
        if below.is_share != until.is_share:
            yield f"{option}.FreeUntil", "must be a share where FreeBelow is one, and else a size"
        elif until.value < below.value:
            yield f"{option}.FreeUntil", "must not be less than FreeBelow"


def _known(option: str, name: str, storages: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not name:
        yield option, "must not be missing"
    elif name not in storages:
        yield option, f"must be one of {', '.join(storages)}, not {name}"
