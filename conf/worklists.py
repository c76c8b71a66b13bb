"""The section Worklists: what modalities are told of the examinations that are scheduled."""

from repertory.conf.fields import not_negative, positive, section, setting


@section("Worklists")
class WorklistsSettings:
    """What modalities are told of the examinations that are scheduled."""

    enable: bool = setting(
        default=False, meaning="Whether modalities may ask for worklists, and clients make them."
    )
    directory: str = setting(
        default="",
        meaning="A folder of worklists, files whose names end with .wl; those that are made over"
        " REST are put there, too, unless SaveInOrthancDatabase.",
        path=True,
    )
    database: str = setting(
        default="", meaning="The same as Directory, as it was called before.", path=True
    )
    filter_issuer_aet: bool = setting(
        default=False,
        meaning="Whether a modality gets only what has its own title as"
        " ScheduledStationAETitle (0040,0001).",
    )
    limit_answers: int = setting(
        default=0,
        meaning="How many worklists a modality gets at most; 0: all that it asks for.",
        check=not_negative,
    )
    save_in_orthanc_database: bool = setting(
        default=False,
        meaning="Whether worklists that are made over REST are kept in the index, as they are"
        " where no Directory is named.",
    )
    set_study_instance_uid_if_missing: bool = setting(
        default=True,
        meaning="Whether a worklist that is made over REST without a StudyInstanceUID gets one.",
    )
    delete_worklists_on_stable_study: bool = setting(
        default=True,
        meaning="Whether a worklist that was made over REST is deleted when the study that has"
        " its StudyInstanceUID is stable.",
    )
    delete_worklists_delay: float = setting(
        default=0.0,
        meaning="Hours after which a worklist that was made over REST is deleted; 0: never.",
        check=not_negative,
    )
    housekeeping_interval: int = setting(
        default=60,
        meaning="Seconds after which it is looked again for worklists to be deleted.",
        check=positive,
    )
