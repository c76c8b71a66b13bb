"""Lines to other processes that an actor reads itself."""

from repertory.actors.messages.base import Command, message


@message
class ListenTo(Command[bool]):
    """Have the index read a line while it has nothing else to do; false where it cannot.

    What comes by it are instances to record. ``descriptor`` is that of a socket in this process,
    which is the index's from then on.
    """

    descriptor: int
