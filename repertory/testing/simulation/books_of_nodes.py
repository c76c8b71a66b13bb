"""What the index says of nodes that share it, and whether they keep to it."""

from collections.abc import Callable
from typing import NamedTuple

from repertory.jobs import JobState
from repertory.nodes import DELIVERY
from repertory.testing.simulation.books import Books
from repertory.testing.simulation.setups import LEASE

_FINAL = frozenset(state.value for state in JobState if state.is_final)


_OWNED = ("jobs", "released", "duties", "copies")


class _Job(NamedTuple):
    state: str
    node: str | None
    position: str
    progress: float


class BooksOfNodes(Books):
    """An observer who knows, too, which node commits, and which removes a file."""

    def __init__(
        self,
        defects: list[BaseException],
        *,
        stable_age: float,
        now: Callable[[], float],
        name_here: Callable[[], str],
        note_dismissal: Callable[[str], None],
    ) -> None:
        super().__init__(defects, stable_age=stable_age)
        self._now = now
        self._name_here = name_here
        self._note_dismissal = note_dismissal
        self._beats: dict[str, tuple[int, float]] = {}
        self._jobs: dict[str, _Job] = {}
        self._claims: dict[int, str | None] = {}
        self._positions: dict[str, int] = {}
        self._duties: dict[str, str] = {}

    def note_commit(self) -> None:
        """Compare with the books before."""
        super().note_commit()
        if not self.is_open:
            return
        name = self._name_here()
        gone = self._note_nodes(name)
        self._check_owners()
        self._note_jobs(name, gone)
        self._note_claims(gone)
        self._note_duties(name)

    def _check_owners(self) -> None:
        """Nothing belongs to those that are nodes no more, or never were."""
        for table in _OWNED:
            rows = self._all(f"SELECT DISTINCT node FROM {table} WHERE node IS NOT NULL")  # noqa: S608
            if left := [node for (node,) in rows if node not in self._beats]:
                raise self.violate("nothing is the dead's", f"{table} of {left}")

    def check_all_staging(self) -> None:
        """What the dead were writing is settled, and nobody writes."""
        there = {path.name for path in self._files.glob("*/.staging/**/*") if path.is_file()}
        if left := there - self.orphans:
            raise self.violate("leftovers are settled", f"{sorted(left)} were being written")

    def _note_nodes(self, name: str) -> set[str]:
        """Note who lives; the names of those that live no more."""
        now = self._now()
        rows: dict[str, int] = dict(self._all("SELECT name, beats FROM nodes"))
        gone = self._beats.keys() - rows.keys()
        for node in sorted(gone - {name}):
            silence = now - self._beats[node][1]
            if silence < LEASE:
                what = f"{node} was given up after {silence} seconds"
                raise self.violate("the living are left alone", what)
            self._note_dismissal(node)
        self._beats = {
            node: self._beats[node] if self._beats.get(node, (-1, 0))[0] == beats else (beats, now)
            for node, beats in rows.items()
        }
        return set(gone)

    def _note_jobs(self, name: str, gone: set[str]) -> None:
        rows = self._all("SELECT id, state, node, position, progress FROM jobs")
        jobs = {row[0]: _Job(*row[1:]) for row in rows}
        for id_, job in jobs.items():
            before = self._jobs.get(id_)
            if before is None or job == before:
                continue
            if before.state in _FINAL and job.state in _FINAL and job.state != before.state:
                what = f"{id_} was {before.state}, and is {job.state}"
                raise self.violate("a job ends once", what)
            if before.node and job.node and job.node != before.node and before.node not in gone:
                what = f"{id_} went from {before.node}, which lives, to {job.node}"
                raise self.violate("what is taken is its node's", what)
            is_further = (job.position, job.progress) != (before.position, before.progress)
            if is_further and before.node != name and (before.node or job.position != "{}"):
                what = f"{name} has written of {id_}, which is {before.node}'s"
                raise self.violate("what is taken is its node's", what)
        self._jobs = jobs

    def _note_claims(self, gone: set[str]) -> None:
        claims: dict[int, str | None] = dict(self._all("SELECT number, node FROM released"))
        for number, node in claims.items():
            before = self._claims.get(number)
            if node and before and node != before and before not in gone:
                what = f"file {number} went from {before}, which lives, to {node}"
                raise self.violate("what is taken is its node's", what)
        self._claims = claims

    def _note_duties(self, name: str) -> None:
        duties: dict[str, str] = dict(self._all("SELECT name, node FROM duties"))
        positions: dict[str, int] = dict(self._all("SELECT name, position FROM targets"))
        for target, position in positions.items():
            before = self._positions.get(target, position)
            if position > before and name not in {duties.get(DELIVERY), self._duties.get(DELIVERY)}:
                what = f"{name} moved {target} on, and {duties.get(DELIVERY)} has to"
                raise self.violate("what is taken is its node's", what)
        self._duties, self._positions = duties, positions

    def _was_removed(self, uuid: str) -> bool:
        # Who died, or was given up, may have removed it before it could say so, or may do so again.
        return {self._removed.get(uuid, ""), self._name_here()} <= self._beats.keys()

    def _remover(self) -> str:
        return self._name_here()
