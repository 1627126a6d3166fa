"""The part of the image tower that never trains: computed once per image, kept by its digest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from core_embeddings.ahead import map_ahead
from core_embeddings.backbones import Backbone
from core_embeddings.errors import ConfigError
from core_embeddings.feature_cache import FeatureCache, feature_cache_folder
from core_embeddings.feature_spec import FeatureKind, FeatureSpec
from core_embeddings.feature_worker import Described, FeatureWorker
from core_embeddings.images import MAX_PIXELS, LoadedImage
from core_embeddings.runtime import Runtime, torch_threads

__all__ = ["FeatureKind", "FeatureSpec", "FrozenFeatures", "Progress"]

Progress = Callable[[int, int], None]
"""Called with the number of images done and their total."""

_BATCH: Final = 32
_FILLED: Final = 512  # images whose features are held while a cache is filled
_INLINE: Final = 4  # images that are not worth a thread


class FrozenFeatures:
    """Computes features of images, only those not computed before.

    Threads take batches of 32 (see `FeatureWorker`), a bounded number ahead; each batch is cached
    as it comes, so an interrupted run resumes where it stopped. Features pass through float16
    whether they come from the cache or not, so both are equal to the bit.

    Whatever engine computes them, features are those of float32 in torch to a cosine of .999 per
    image. Those of a lower precision are kept in a file of their own beside the exact ones, which
    ``precision = "float32"`` never reads; otherwise both are used, and both are within that bound.

    Parameters
    ----------
    spec
        What to compute.
    cache
        Where to keep it, made with ``spec.key``; None keeps nothing. See :meth:`with_cache`.
    runtime
        Engine, precision and threads; None for `Runtime.chosen`.
    max_pixels
        Largest image decoded.
    backbone
        A network to use in place of the spec's own: the same one, adapted. The attribute of this
        name is None where the features are the pixels themselves.

    Raises
    ------
    ConfigError
        If the cache was made for another spec.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        cache: FeatureCache | None = None,
        *,
        runtime: Runtime | None = None,
        max_pixels: int = MAX_PIXELS,
        backbone: Backbone | None = None,
    ) -> None:
        self.spec = spec
        self.runtime = runtime or Runtime.chosen()
        self.backbone = spec.load() if backbone is None else backbone
        self.key = spec.key_with(self.backbone)
        self._worker = FeatureWorker(spec, self.backbone, self.runtime, max_pixels=max_pixels)
        if cache is not None and cache.key != self.key:
            raise ConfigError(
                f"the cache holds features of key {cache.key}, but the spec has key {self.key}; "
                "make it with FeatureCache(folder, spec.key)"
            )
        self._cache = cache

    @classmethod
    def with_cache(
        cls,
        spec: FeatureSpec,
        folder: Path | None = None,
        *,
        backbone: Backbone | None = None,
        runtime: Runtime | None = None,
    ) -> FrozenFeatures:
        """Open with the cache of the spec in a folder, by default the user's cache folder."""
        made = cls(spec, backbone=backbone, runtime=runtime)
        made._cache = FeatureCache(folder or feature_cache_folder(), made.key)
        return made

    @property
    def engine_name(self) -> str:
        """What runs the network; "" before the first image."""
        return self._worker.engine_name

    def weights(self) -> dict[str, torch.Tensor]:
        """Return the backbone's weights by name, so that a model's folder can carry them."""
        return {} if self.backbone is None else dict(self.backbone.state)

    def for_images(
        self,
        paths: Sequence[Path | str],
        digests: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Return the features of each image, by digest.

        Parameters
        ----------
        paths, digests
            The files and the digests of their bytes, of equal length; a digest met twice is
            computed once.
        progress
            Called after each batch.

        Returns
        -------
        dict
            float32 of shape (width,), for ``pixels`` uint8 of shape (size, size, 3). An image that
            cannot be read any more is left out, and counted in one warning.
        """
        dtype = np.uint8 if self.spec.kind == "pixels" else np.float32
        found = self._collect(dict(zip(digests, paths, strict=True)), progress)
        return {digest: array.astype(dtype) for digest, array in found.items()}

    def fill_cache(
        self,
        paths: Sequence[Path | str],
        digests: Sequence[str],
        *,
        progress: Progress | None = None,
    ) -> None:
        """Compute what the cache does not hold yet; memory does not grow with the images.

        Parameters are those of `for_images`.
        """
        wanted = list(dict(zip(digests, paths, strict=True)).items())
        for start in range(0, len(wanted), _FILLED):
            part = dict(wanted[start : start + _FILLED])
            self._collect(part, None)
            if progress is not None:
                progress(start + len(part), len(wanted))

    def for_products(
        self,
        images: Sequence[Sequence[Path | str]],
        digests: Sequence[Sequence[str]],
        *,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        """Return one row per product.

        Parameters
        ----------
        images, digests
            Per product the paths of its images, and their digests.
        progress
            Called after each batch.

        Returns
        -------
        numpy.ndarray
            float32 of shape (n, width): the mean over a product's images. For ``pixels`` uint8 of
            shape (n, size, size, 3): the first image. Zeros where there is no image.
        """
        first_only = self.spec.kind == "pixels"
        kept = [list(own[:1] if first_only else own) for own in digests]
        wanted = {
            digest: path
            for own_digests, own_paths in zip(kept, images, strict=True)
            for digest, path in zip(own_digests, own_paths, strict=not first_only)
        }
        found = self._collect(wanted, progress)
        dtype = np.uint8 if first_only else np.float32
        rows = np.zeros((len(kept), *self.spec.shape), dtype=dtype)
        for row, own in enumerate(kept):
            arrays = [found[digest] for digest in own if digest in found]
            if arrays:
                rows[row] = arrays[0] if first_only else np.mean(arrays, axis=0, dtype=np.float32)
        return rows

    def _collect(
        self, wanted: dict[str, Path | str], progress: Progress | None
    ) -> dict[str, NDArray[Any]]:
        found = self._kept(list(wanted))
        todo = [(digest, Path(wanted[digest])) for digest in wanted if digest not in found]
        failures: list[LoadedImage] = []
        for done in self._described(todo):
            self._keep(done)
            found |= done.features
            failures += done.failures
            if progress is not None:
                progress(len(found) + len(failures), len(wanted))
        if failures:
            warnings.warn(
                f"{len(failures)} of {len(wanted)} images could not be read and count as absent; "
                f"the first: {failures[0].path}: {failures[0].error}",
                RuntimeWarning,
                stacklevel=3,
            )
        return found

    def _described(self, todo: list[tuple[str, Path]]) -> Iterator[Described]:
        self._worker.expect(len(todo))
        if len(todo) <= _INLINE:  # a query: no threads, nothing waits
            yield from [self._worker(dict(todo))] if todo else []
            return
        batches = [dict(todo[at : at + _BATCH]) for at in range(0, len(todo), _BATCH)]
        count = self.runtime.threads
        with torch_threads(1):
            yield from map_ahead(
                self._worker, batches, workers=count, ahead=2 * count, name="features"
            )

    def _kept(self, digests: list[str]) -> dict[str, NDArray[Any]]:
        """Return what is in the cache, float32's answer first."""
        found: dict[str, NDArray[Any]] = {}
        for cache in (self._cache, self._reduced_cache()):
            missing = [digest for digest in digests if digest not in found]
            if cache is not None and missing:
                kept = cache.get_many(missing).items()
                found |= {name: array for name, array in kept if array.shape == self.spec.shape}
        return found

    def _keep(self, done: Described) -> None:
        cache = self._cache if done.exact else self._reduced_cache()
        if cache is not None and done.features:
            cache.put_many(done.features)

    def _reduced_cache(self) -> FeatureCache | None:
        """Return where features of lower precision are kept; None where none may be used."""
        if self._cache is None or self.backbone is None or self.runtime.precision == "float32":
            return None
        return FeatureCache(self._cache.path.parent, f"{self._cache.key}-reduced")
