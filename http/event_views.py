"""Replies about targets, as objects of the REST API."""

import time

from repertory.events import DeadLetter, TargetState
from repertory.http.views import Object


def target_state(it: TargetState) -> Object:
    """What a target does."""
    return {
        "Name": it.name,
        "Kind": it.kind,
        "Address": it.address,
        "Events": list(it.events),
        "State": it.state,
        "Position": it.position,
        "Last": it.newest,
        "Lag": it.newest - it.position,
        "DeadLetters": it.dead_letters,
        "Delivered": it.delivered,
        "Failures": it.failures,
        "LastError": it.last_error,
        "LastErrorDate": _date(it.last_error_at),
        "LastDeliveryDate": _date(it.last_delivery_at),
        "NextAttemptInSeconds": None if it.retry_in is None else round(it.retry_in, 1),
    }


def dead_letter(it: DeadLetter) -> Object:
    """An event that was given up."""
    event = it.event
    return {
        "Number": it.number,
        "Reason": it.reason,
        "Attempts": it.attempts,
        "Date": _date(it.failed_at),
        "Event": {
            "Seq": event.number,
            "ChangeType": event.type.word,
            "ResourceType": event.level.word,
            "ID": event.id,
            "Path": f"/{event.level.plural}/{event.id}",
            "Date": event.date,
            "Parents": {level.word: id_ for level, id_ in sorted(event.parents.items())},
        },
    }


def _date(seconds: float | None) -> str | None:
    """A UTC date as Orthanc writes it."""
    return None if seconds is None else time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
