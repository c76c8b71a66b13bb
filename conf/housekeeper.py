"""The section Housekeeper: when, how fast and for which reasons the archive is put in order."""

import re

from repertory.conf.fields import not_negative, one_of, section, setting

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY = 24 * 60
"""The minutes of a day."""

_RANGE = re.compile(r"\s*(\d{1,2})(?::(\d{2}))?\s*-\s*(\d{1,2})(?::(\d{2}))?\s*")


def hours(text: str) -> tuple[int, int]:
    """The minutes of the day at which a range such as ``"22:30-6"`` begins and ends.

    One that ends before it begins ends on the next day.

    Raises:
        ValueError: it is no range; the message is the end of a sentence.
    """
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError('must be hours such as "0-6" or "22:30-6"')
    begin, end = (
        int(hour) * 60 + int(minute or 0) for hour, minute in (found.group(1, 2), found.group(3, 4))
    )
    if any(int(minute or 0) > 59 for minute in found.group(2, 4)):
        raise ValueError("must have minutes from 0 to 59")
    if begin >= DAY or end > DAY:
        raise ValueError("must begin from 0 to 23:59, and end from 0 to 24")
    if begin == end:
        raise ValueError('must not end when it begins; a whole day is "0-24"')
    return begin, end


def schedule(value: dict[str, list[str]]) -> str | None:
    """Days by their English names, each with its ranges of hours; all that is wrong."""
    wrong = [
        f"must have days from Monday to Sunday, and {day} is none"
        for day in value
        if day not in DAYS
    ]
    for day, ranges in value.items():
        for text in ranges:
            try:
                hours(text)
            except ValueError as error:
                wrong.append(f'{error}: "{text}" on {day} is not')
    return "; ".join(wrong) or None


def _property(value: int) -> str | None:
    return None if 1024 <= value <= 65535 else "must be between 1024 and 65535"


def _share(value: int) -> str | None:
    return None if 1 <= value <= 100 else "must be between 1 and 100"


@section("Triggers")
class TriggersSettings:
    """What makes a pass of housekeeping necessary."""

    storage_compression_change: bool = setting(
        default=True, meaning="Whether a change of StorageCompression does: files are stored anew."
    )
    main_dicom_tags_change: bool = setting(
        default=True,
        meaning="Whether a change of ExtraMainDicomTags does: the index is filled anew.",
    )
    unnecessary_dicom_as_json_files: bool = setting(
        default=True,
        meaning="Whether files do that an old Orthanc kept beside the DICOM files: they go.",
    )
    ingest_transcoding_change: bool = setting(
        default=True,
        meaning="Whether a change of IngestTranscoding does; without effect, as that option is.",
    )
    dicom_web_cache_change: bool = setting(
        default=True,
        meaning="Whether the DICOMweb cache does; without effect, as there is no such cache.",
    )


@section("Housekeeper")
class HousekeeperSettings:
    """How the archive is put in order after its configuration has changed."""

    enable: bool = setting(default=False, meaning="Whether to keep house at all.")
    global_property_id: int = setting(
        default=1025,
        meaning="The number under which the index keeps how far the housekeeper is.",
        check=_property,
    )
    force: bool = setting(
        default=False, meaning="Whether each start begins a pass over the whole archive."
    )
    force_reconstruct_files: bool = setting(
        default=False,
        meaning="Whether each pass also stores files anew that have not the form of new ones.",
    )
    throttle_delay: float = setting(
        default=5.0,
        meaning="Seconds to wait after each study with which there was something to do.",
        check=not_negative,
    )
    schedule: dict[str, list[str]] = setting(
        default_factory=dict,
        meaning=(
            'When to work, by the day: {"Monday": ["0-6", "22:30-6"]}, in local time; a range that'
            " ends before it begins ends on the next day. Empty: always."
        ),
        check=schedule,
    )
    triggers: TriggersSettings = setting(
        default_factory=TriggersSettings, meaning="What makes a pass of housekeeping necessary."
    )
    limit_main_dicom_tags_reconstruct_level: str = setting(
        default="All",
        meaning="The one level at which main DICOM tags are read anew, or All.",
        check=one_of("Patient", "Study", "Series", "Instance", "All"),
    )
    busy_share: int = setting(
        default=10,
        meaning=(
            "Per cent of the time that the housekeeper works while requests are served; 100: it"
            " does not back off."
        ),
        check=_share,
        ours=True,
    )
