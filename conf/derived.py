"""What follows from options: short questions about the settings as a whole."""

from typing import TYPE_CHECKING


class Derived:
    """A part of ``Settings``, apart from it for length only."""

    __slots__ = ()

    if TYPE_CHECKING:
        authentication_enabled: bool | None
        execute_lua_enabled: bool
        lua_scripts: list[str]
        maximum_patient_count: int
        maximum_storage_size: int
        overwrite_instances: bool | str
        python_script: str
        python_scripts: list[str]
        remote_access_allowed: bool
        user_content_type: dict[str, int | tuple[int | str, ...]]

    @property
    def content_types(self) -> dict[str, tuple[int, str]]:
        """The number and the MIME type of each name in UserContentType."""
        unknown = "application/octet-stream"
        return {
            name: (kind, unknown) if isinstance(kind, int) else (int(kind[0]), str(kind[1]))
            for name, kind in self.user_content_type.items()
        }

    @property
    def scripts(self) -> tuple[str, ...]:
        """The Python files to run at the start."""
        single = (self.python_script,) if self.python_script else ()
        return (*single, *self.python_scripts)

    @property
    def is_limited(self) -> bool:
        """Whether the archive may become full before the disk does."""
        return self.maximum_storage_size > 0 or self.maximum_patient_count > 0

    @property
    def is_scripted(self) -> bool:
        """Whether there are Lua scripts, or may be."""
        return bool(self.lua_scripts) or self.execute_lua_enabled

    @property
    def overwrite_mode(self) -> str:
        """What ``overwrite_instances`` says, as a word."""
        if isinstance(self.overwrite_instances, bool):
            return "Always" if self.overwrite_instances else "Never"
        return self.overwrite_instances

    @property
    def authentication_required(self) -> bool:
        """Whether users must authenticate, where the option says so or where it says nothing."""
        if self.authentication_enabled is None:
            return self.remote_access_allowed
        return self.authentication_enabled
