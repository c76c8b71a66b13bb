import dataclasses
import importlib
import inspect
import pkgutil
import re
import typing
from collections import Counter

import pytest

import repertory.actors
import repertory.actors.messages
from repertory.actors.base import RepertoryActor
from repertory.actors.hybrid_router import HybridRouterActor
from repertory.actors.messages.base import Command, Event, Message, Query, Question
from repertory.actors.messages.system import CallIn
from repertory.actors.reply import Reply
from repertory.actors.storage import StorageActor

RANKS = {
    "IndexActor": 1,
    "IndexReaderActor": 1,
    "TranscoderActor": 1,
    "PortalActor": 0,
    "NodesActor": 2,
    "StorageActor": 2,
    "HybridRouterActor": 3,
    "DeletionQueueActor": 4,
    "StabilityMonitorActor": 4,
    "TrashActor": 4,
    "ArchiverActor": 4,
    "JobsActor": 5,
    "HousekeeperActor": 5,
    "TieringActor": 5,
    "IntegrityActor": 5,
    "DeliveryActor": 6,
    "SubscriberActor": 7,
    "RestApiActor": 6,
    "FiltersActor": 7,
    "LuaActor": 7,
    "DicomClientActor": 4,
    "WorklistActor": 4,
    "PeersActor": 4,
    "DicomRulesActor": 1,
    "DicomServerActor": 8,
    "AssociationsActor": 8,
    "DoorkeeperActor": 8,
}


def modules_in(package):
    """A package's modules, and those of its packages."""
    below = pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    return [package, *(importlib.import_module(info.name) for info in below)]


def classes_in(package):
    return sorted(
        {
            kind
            for module in modules_in(package)
            for kind in vars(module).values()
            if inspect.isclass(kind) and kind.__module__ == module.__name__
        },
        key=lambda kind: kind.__qualname__,
    )


def named(kind):
    return kind.__name__


WORDS = [
    kind
    for kind in classes_in(repertory.actors.messages)
    if kind.__module__ != "repertory.actors.messages.base"
]
QUESTIONS = [kind for kind in WORDS if issubclass(kind, Question)]
ACTORS = [
    kind
    for kind in classes_in(repertory.actors)
    if issubclass(kind, RepertoryActor) and kind is not RepertoryActor
]
HANDLERS = [
    pytest.param(actor, kind, name, id=f"{actor.__name__}.{name}")
    for actor in ACTORS
    for kind, name in actor.handlers.items()
]


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def answer_of(question: type[Question[typing.Any]]) -> object:
    """The ``R`` of a ``Command[R]`` or ``Query[R]``."""
    for base in question.__orig_bases__:
        if typing.get_origin(base) in (Command, Query):
            return typing.get_args(base)[0]
    return typing.Any


@pytest.mark.parametrize("kind", WORDS, ids=named)
def test_what_can_be_said_is_frozen_slotted_and_explained(kind):
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)
    assert all(field.kw_only for field in dataclasses.fields(kind))
    assert not kind.__doc__.startswith(f"{kind.__name__}(")  # what dataclass writes itself


@pytest.mark.parametrize("kind", QUESTIONS, ids=named)
def test_a_question_is_a_command_or_a_query_and_says_what_it_is_answered_by(kind):
    assert issubclass(kind, Command) != issubclass(kind, Query)
    assert answer_of(kind) is not typing.Any


@pytest.mark.parametrize("kind", WORDS, ids=named)
def test_fields_are_typed(kind):
    hints = typing.get_type_hints(kind)

    assert all(hints[field.name] is not typing.Any for field in dataclasses.fields(kind))


def is_routed(actor: type[RepertoryActor], kind: type[Message]) -> bool:
    """Whether it is the router's answer for the storages that stand behind it."""
    return actor is HybridRouterActor and kind in StorageActor.handlers


def test_every_question_is_handled_by_exactly_one_class_of_actor():
    handled = Counter(
        kind
        for actor in ACTORS
        for kind in actor.handlers
        if not issubclass(kind, Event) and not is_routed(actor, kind)
    )
    asked_of_everyone = {CallIn}  # each actor answers it itself: RepertoryActor.on_receive

    assert {kind.__name__: handled[kind] for kind in set(QUESTIONS) - asked_of_everyone} == {
        kind.__name__: 1 for kind in set(QUESTIONS) - asked_of_everyone
    }


@pytest.mark.parametrize(("actor", "kind", "name"), HANDLERS)
def test_a_handler_is_named_like_its_message(actor, kind, name):
    assert issubclass(kind, Message)
    assert name.lstrip("_") == snake_case(kind.__name__)


@pytest.mark.parametrize(("actor", "kind", "name"), HANDLERS)
def test_a_handler_says_what_it_takes_and_what_it_answers(actor, kind, name):
    hints = typing.get_type_hints(getattr(actor, name))
    answered = hints.pop("return")

    assert list(hints.values()) == [kind]
    if issubclass(kind, Question):
        assert answered in (answer_of(kind), Reply[answer_of(kind)])
    else:
        assert answered is type(None)


@pytest.mark.parametrize("actor", ACTORS, ids=named)
def test_an_actor_has_the_rank_of_its_part(actor):
    assert actor.rank == RANKS[actor.__name__]


@pytest.mark.parametrize("actor", ACTORS, ids=named)
def test_an_actor_says_what_it_owns(actor):
    assert "__doc__" in vars(actor)
    assert actor.__doc__
