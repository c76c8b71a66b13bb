"""What one of the nodes that share an index does alone, and that no other one writes of it."""

from repertory.errors import LeaseLost
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group

TAKE = "INSERT INTO duties (name, node) VALUES (?, ?)"
GIVE = "DELETE FROM duties WHERE name = ?"
HAS = "SELECT 1 FROM duties WHERE name = ? AND node = ?"


def take_duty(db: Database, group: Group, duty: str) -> None:
    """Take a duty, also from another node: what that one still writes of it is refused."""
    if db.one(HAS, (duty, group.node)) is None:
        group.writing = True
        db.execute(GIVE, (duty,))
        db.execute(TAKE, (duty, group.node))


def need_duty(db: Database, group: Group, duty: str) -> None:
    """Raise ``LeaseLost`` if another node has a duty; alone, one has all."""
    if group.node and db.one(HAS, (duty, group.node)) is None:
        raise LeaseLost
