"""Sections about what becomes of resources: when they are stable, and after they are deleted."""

from repertory.conf.fields import not_negative, quiet_periods, section, setting


@section("DelayedDeletion")
class DelayedDeletionSettings:
    """How files of deleted resources are removed."""

    enable: bool = setting(
        default=True, meaning="Whether files are removed after the request was answered."
    )
    throttle_delay_ms: int = setting(
        default=0,
        meaning="Milliseconds to wait after each file that was removed.",
        check=not_negative,
    )


@section("StableAges")
class StableAgesSettings:
    """StableAge for some instances: the longest counts where several of these apply."""

    modality: dict[str, int] = setting(
        default_factory=dict,
        meaning='StableAge by Modality (0008,0060): {"US": 300}.',
        check=quiet_periods(),
        ours=True,
    )
    called_aet: dict[str, int] = setting(
        default_factory=dict,
        meaning="StableAge by the application entity title that the sender called.",
        check=quiet_periods(titles=True),
        ours=True,
    )
    remote_aet: dict[str, int] = setting(
        default_factory=dict,
        meaning="StableAge by the application entity title of the sender.",
        check=quiet_periods(titles=True),
        ours=True,
    )


@section("Trash")
class TrashSettings:
    """What becomes of deleted resources before their files are removed."""

    retention_days: float = setting(
        default=0.0,
        meaning="Days, or fractions of one, that deleted resources can be restored; 0: not at all.",
        check=not_negative,
        ours=True,
    )
