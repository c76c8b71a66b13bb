"""What is asked of modalities at once, without anything being kept: Orthanc's older routes."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repertory.actors.messages.modalities import (
    DescribeModality,
    ForwardToModality,
    SearchModality,
)
from repertory.errors import BadRequest, NotDicom
from repertory.http.answers import answer
from repertory.http.bodies import read_bytes
from repertory.http.bridge import ask
from repertory.http.modalities import read_optional_fields, strings_of
from repertory.http.routing import Routes
from repertory.model import Level

routes = Routes()

_NEEDED = {
    Level.PATIENT: (),
    Level.STUDY: (),
    Level.SERIES: ("StudyInstanceUID",),
    Level.INSTANCE: ("StudyInstanceUID", "SeriesInstanceUID"),
}

Answers = tuple[Mapping[str, Any], ...]


@routes.post("/modalities/{id}/store-straight")
async def forward_to_modality(request: web.Request) -> web.Response:
    """Send the DICOM file that is the body to a modality (C-STORE).

    The archive does not keep it. The answer is its `SOPClassUID` and `SOPInstanceUID`.
    """
    name = request.match_info["id"]
    await ask(request, DescribeModality(name=name))
    content = await read_bytes(request)
    if not content:
        raise NotDicom("The body is empty.")
    sent = await ask(request, ForwardToModality(modality=name, content=content))
    return answer({"SOPClassUID": sent.sop_class, "SOPInstanceUID": sent.sop_instance})


@routes.post("/modalities/{id}/find-patient")
async def find_patients(request: web.Request) -> web.Response:
    """Search for patients at a modality (C-FIND), and answer them at once.

    The body is empty or an object of tags, each with what its value must match. The answers have
    the main DICOM tags of their level. `/modalities/{id}/query` keeps its answers.
    """
    return await _find(request, Level.PATIENT)


@routes.post("/modalities/{id}/find-study")
async def find_studies(request: web.Request) -> web.Response:
    """Search for studies at a modality; as for patients."""
    return await _find(request, Level.STUDY)


@routes.post("/modalities/{id}/find-series")
async def find_series(request: web.Request) -> web.Response:
    """Search for series at a modality; as for patients. `StudyInstanceUID` is needed."""
    return await _find(request, Level.SERIES)


@routes.post("/modalities/{id}/find-instance")
async def find_instances(request: web.Request) -> web.Response:
    """Search for instances at a modality; as for patients.

    `StudyInstanceUID` and `SeriesInstanceUID` are needed.
    """
    return await _find(request, Level.INSTANCE)


@routes.post("/modalities/{id}/find")
async def find_hierarchy(request: web.Request) -> web.Response:
    """Search for patients at a modality, each with its `Studies`, and these with their `Series`.

    The body is that of `/modalities/{id}/find-patient`; it is about the patients.
    """
    keys = await _keys(request)
    found = []
    for patient in await _ask(request, Level.PATIENT, keys):
        studies = []
        for study in await _below(request, Level.STUDY, patient, "PatientID"):
            series = await _below(request, Level.SERIES, study, "StudyInstanceUID")
            studies.append({**study, "Series": list(series)})
        found.append({**patient, "Studies": studies})
    return answer(found)


async def _find(request: web.Request, level: Level) -> web.Response:
    keys = await _keys(request)
    for name in _NEEDED[level]:
        if not keys.get(name):
            raise BadRequest(f"The field {name} is missing.")
    return answer(list(await _ask(request, level, keys)))


async def _keys(request: web.Request) -> dict[str, str]:
    fields = await read_optional_fields(request)
    return strings_of(fields.members, "body")


async def _ask(request: web.Request, level: Level, keys: Mapping[str, str]) -> Answers:
    question = SearchModality(modality=request.match_info["id"], level=level, keys=keys)
    return await ask(request, question)


async def _below(
    request: web.Request, level: Level, found: Mapping[str, Any], name: str
) -> Answers:
    """What is below an answer; nothing where it does not say what it is about."""
    value = found.get(name)
    return await _ask(request, level, {name: value}) if value else ()
