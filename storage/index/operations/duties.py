"""What one of the nodes that share an index does alone, and that no other one writes of it."""

from repertory.errors import LeaseLost
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group

TAKE = "INSERT INTO duties (name, node) VALUES (?, ?)"
GIVE = "DELETE FROM duties WHERE name = ?"
LIVES = "SELECT 1 FROM nodes WHERE name = ?"
HAS = "SELECT 1 FROM duties WHERE name = ? AND node = ?"


def lives(db: Database, group: Group) -> bool:
    """Whether this node is taken for alive; alone, one is."""
    return not group.node or db.one(LIVES, (group.node,)) is not None


def need_life(db: Database, group: Group) -> None:
    """Raise ``LeaseLost`` if this node was given up: what it took, nobody would ever free."""
    if not lives(db, group):
        raise LeaseLost


def take_duty(db: Database, group: Group, duty: str) -> bool:
    """Take a duty, also from another node: what that one still writes of it is refused.

    Whether this one had it not.
    """
    if db.one(HAS, (duty, group.node)) is not None:
        return False
    need_life(db, group)
    group.writing = True
    db.execute(GIVE, (duty,))
    db.execute(TAKE, (duty, group.node))
    return True


def need_duty(db: Database, group: Group, duty: str) -> None:
    """Raise ``LeaseLost`` if another node has a duty; alone, one has all."""
    if group.node and db.one(HAS, (duty, group.node)) is None:
        raise LeaseLost
