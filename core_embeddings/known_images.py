"""Images that decoded whole once: the same bytes are not decoded again to be checked."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from core_embeddings.feature_cache import FeatureCache

_KEY = "decoded-whole-1"


class KnownImages:
    """Digests of good images and the pixel limit they were under, kept among the features.

    Parameters
    ----------
    folder
        Where; None remembers nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._cache = None if folder is None else FeatureCache(folder, _KEY)

    def among(self, digests: Collection[str], *, max_pixels: int) -> set[str]:
        """Return the digests of images known to decode and to be within the limit."""
        if self._cache is None:
            return set()
        found = self._cache.get_many(list(digests))
        return {digest for digest, limit in found.items() if int(limit[0]) <= max_pixels}

    def add(self, digests: Collection[str], *, max_pixels: int) -> None:
        """Remember images that decoded under a limit."""
        if self._cache is not None and digests:
            limit = np.array([max_pixels], dtype=np.int64)
            self._cache.put_many(dict.fromkeys(digests, limit))
