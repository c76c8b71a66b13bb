"""Looking up a tag by what a user calls it."""

import difflib

from repertory.errors import BadParameter
from repertory.storage.dicom.names import keywords, tag_of


def resolve_tag(name: str) -> str:
    """The tag (``gggg,eeee``) of a name.

    Raises:
        BadParameter: there is none; proposes names that are written nearly the same.
    """
    tag = tag_of(name)
    if tag is not None:
        return tag
    near = difflib.get_close_matches(name, keywords(), n=3, cutoff=0.8)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    shown = name if len(name) <= 64 else f"{name[:61]}..."
    raise BadParameter(f"There is no DICOM tag named {shown}.{hint}")
