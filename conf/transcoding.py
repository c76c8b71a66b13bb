"""How transfer syntaxes are named in the configuration."""

_ROOT = "1.2.840.10008.1.2"


def transfer_syntax_or_empty(value: str) -> str | None:
    """What is wrong with a transfer syntax, unless it is empty."""
    if not value or value == _ROOT or value.startswith(f"{_ROOT}."):
        return None
    return f"must be the UID of a transfer syntax ({_ROOT}...), or empty"
