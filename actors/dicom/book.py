"""The modalities that are known: one book for those who call, and for who is called."""

from collections.abc import Iterator, Mapping

from repertory.modalities import Modality


class ModalityBook(Mapping[str, Modality]):
    """Modalities by name. Each change makes a new page, so several threads may read meanwhile."""

    def __init__(self, modalities: Mapping[str, Modality] | None = None) -> None:
        self._page = dict(modalities or {})

    def __getitem__(self, name: str) -> Modality:
        return self._page[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._page)

    def __len__(self) -> int:
        return len(self._page)

    def put(self, name: str, modality: Modality) -> None:
        """Enter a modality, or write its entry anew."""
        self._page = {**self._page, name: modality}

    def replace(self, modalities: Mapping[str, Modality]) -> None:
        """Begin anew, with other modalities."""
        self._page = dict(modalities)

    def remove(self, name: str) -> None:
        """Strike a modality out; ``KeyError`` where there is none."""
        page = dict(self._page)
        del page[name]
        self._page = page
