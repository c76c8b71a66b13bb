"""Repertory, a DICOM archive made of actors.

``Repertory`` is the archive itself, to embed in another program; ``repertory.testing`` plays
its actors in tests; the ``repertory`` command serves it over HTTP.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from repertory.version import VERSION as __version__  # noqa: N811 - the customary name

# In a checkout the subpackages lie beside this folder, not in it: see docs/explanation/layout.md.
if not Path(__file__).with_name("actors").is_dir():
    __path__.append(str(Path(__file__).parents[1]))

if TYPE_CHECKING:
    from repertory.conf.loading import load_settings
    from repertory.conf.settings import Settings
    from repertory.service import Repertory

__all__ = ["Repertory", "Settings", "__version__", "load_settings"]

_HOMES = {
    "Repertory": "repertory.service",
    "Settings": "repertory.conf.settings",
    "load_settings": "repertory.conf.loading",
}


def __getattr__(name: str) -> Any:
    """Import the archive when it is first asked for, so that ``import repertory`` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'repertory' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - lazily, like what it imports

    return getattr(import_module(_HOMES[name]), name)
