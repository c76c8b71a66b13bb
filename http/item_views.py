"""What the actors answer about single items, as Orthanc's objects."""

from repertory.http.views import Object, path_of
from repertory.items import Export, ExportPage, SliceOrder
from repertory.model import Level


def export_page(it: ExportPage) -> Object:
    """What ``/exports`` answers."""
    view: Object = {
        "Exports": [export(line) for line in it.exports],
        "Done": it.done,
        "Last": it.last,
    }
    if it.first is not None:
        view["First"] = it.first
    return view


def export(it: Export) -> Object:
    """One export."""
    return {
        "Date": it.date,
        "ID": it.id,
        "Path": path_of(it.level, it.id),
        "PatientID": it.identity.patient_id,
        "RemoteModality": it.remote,
        "ResourceType": it.level.word,
        "SOPInstanceUID": it.identity.sop_instance_uid,
        "Seq": it.seq,
        "SeriesInstanceUID": it.identity.series_instance_uid,
        "StudyInstanceUID": it.identity.study_instance_uid,
    }


def slice_order(it: SliceOrder) -> Object:
    """What ``/series/{id}/ordered-slices`` answers."""
    paths = [(path_of(Level.INSTANCE, id_), frames) for id_, frames in it.slices]
    return {
        "Type": "Volume" if it.is_volume else "Sequence",
        "Dicom": [f"{path}/file" for path, _ in paths],
        "Slices": [f"{path}/frames/{n}" for path, frames in paths for n in range(frames)],
        "SlicesShort": [[id_, 0, frames] for id_, frames in it.slices],
    }
