"""The exceptions a caller may want to catch.

Every message has three parts: what was expected, what came, and what to do next.
"""

from __future__ import annotations


class TuwenError(Exception):
    """Base of every error this suite raises on purpose; its text is fit to show to a user."""


class TableError(TuwenError):
    """A table cannot be read at all: missing file, unknown format, a required column absent."""


class ImageError(TuwenError):
    """One image cannot be used; the message is the reason, without the path."""


class ConfigError(TuwenError):
    """A setting is unknown or out of its range."""


class FilterError(TuwenError):
    """A filter expression does not parse, or names a column that does not exist."""


class ArtefactError(TuwenError):
    """A saved folder is missing, damaged, or of a kind or version this code does not read."""


class FingerprintError(ArtefactError):
    """An artefact was made with another embedder than the one at hand."""


class MissingExtraError(TuwenError):
    """An optional dependency is not installed.

    Parameters
    ----------
    feature
        What the user asked for.
    package
        The distribution that is missing.
    extra
        The extra of this project that brings it.
    """

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'tuwen[{extra}]'"
        )
