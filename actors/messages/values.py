"""Values by name that parts of the archive keep in the index."""

from repertory.actors.messages.base import Command, Query, message


@message
class ListValues(Query[dict[str, str]]):
    """The values of a store by their names, in the order of these."""

    store: str


@message
class DescribeValue(Query[str | None]):
    """One value of a store; ``None`` where there is none of that name."""

    store: str
    name: str


@message
class RecordValue(Command[None]):
    """Keep a value, in the place of the one that had its name.

    ``store`` is the name of the part of the archive that keeps it.
    """

    store: str
    name: str
    value: str


@message
class ForgetValue(Command[bool]):
    """Keep a value no more; whether it was there. To forget one twice does no harm."""

    store: str
    name: str
