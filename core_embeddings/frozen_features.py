"""The part of the image tower that never trains: computed once per image, kept by its digest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from core_embeddings.artefact import digest_json
from core_embeddings.backbones import LITE0, Backbone, load_backbone, stage_channels
from core_embeddings.colours import COLOUR_BINS, colour_histograms
from core_embeddings.errors import ConfigError
from core_embeddings.feature_cache import FeatureCache, feature_cache_folder
from core_embeddings.images import (
    MAX_PIXELS,
    LoadedImage,
    ResizeMode,
    check_resize,
    load_pixels,
    normalise,
)

FeatureKind = Literal["stages", "last", "pixels"]
Progress = Callable[[int, int], None]
"""Called with the number of images done and their total."""

_KINDS: Final = ("stages", "last", "pixels")
_CODE_VERSION: Final = 1  # raised whenever the same image would give other features
_BATCH: Final = 32
_SMALLEST: Final = 32  # below it the last stages see less than one pixel


@dataclass(frozen=True)
class FeatureSpec:
    """What is computed from an image.

    Parameters
    ----------
    backbone, weights
        As of :func:`~core_embeddings.backbones.load_backbone`; unused by ``pixels``.
    image_size
        Side of the square the image is brought to, at least 32 for a backbone.
    resize
        How: ``fixed``, ``crop`` or ``pad``.
    kind
        ``stages``: the mean over the area of every stage's map, from edges and textures to parts
        of objects, then :func:`~core_embeddings.colours.colour_histograms`, since colour is what
        a network trained on ImageNet forgets;
        ``last``: the last stage alone; ``pixels``: the resized bytes themselves, for networks
        that are trained from scratch.

    Raises
    ------
    ConfigError
        If a value is out of its range.
    """

    backbone: str = LITE0
    weights: str | None = None
    image_size: int = 128
    resize: ResizeMode = "pad"
    kind: FeatureKind = "stages"

    def __post_init__(self) -> None:
        check_resize(self.image_size, self.resize)
        if self.kind not in _KINDS:
            raise ConfigError(f"kind must be one of {', '.join(_KINDS)}; got {self.kind!r}")
        if self.kind != "pixels" and self.image_size < _SMALLEST:
            raise ConfigError(
                f"a backbone needs an image size of at least {_SMALLEST}; got {self.image_size}"
            )
        stage_channels(self.backbone)

    @property
    def key(self) -> str:
        """Digest of all the features depend on, weights included: the name of their cache.

        The weights are read to find it; :attr:`FrozenFeatures.key` has it at hand.
        """
        return self._key(self._load())

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image's features."""
        if self.kind == "pixels":
            return (self.image_size, self.image_size, 3)
        channels = stage_channels(self.backbone)
        return (channels[-1] if self.kind == "last" else sum(channels) + COLOUR_BINS,)

    @property
    def width(self) -> int:
        """Numbers per image."""
        return int(np.prod(self.shape))

    def _load(self) -> Backbone | None:
        return None if self.kind == "pixels" else load_backbone(self.backbone, self.weights)

    def _key(self, backbone: Backbone | None) -> str:
        values: dict[str, object] = {"image_size": self.image_size, "resize": self.resize}
        if backbone is not None:
            values |= {"backbone": backbone.name, "weights": backbone.weights_digest}
        return digest_json({**values, "kind": self.kind, "code": _CODE_VERSION})


class FrozenFeatures:
    """Computes features of images, only those not computed before.

    Work streams in batches of 32 while threads decode ahead; each batch is cached as it comes, so
    an interrupted run resumes where it stopped. Features pass through float16 whether they come
    from the cache or not, so both are equal to the bit. Torch's thread count belongs to the
    process and is left alone: the caller sets it (one thread is best where cores are shared).

    Parameters
    ----------
    spec
        What to compute.
    cache
        Where to keep it, made with ``spec.key``; None keeps nothing. See :meth:`with_cache`.
    workers
        Decoding threads.
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
        workers: int = 2,
        max_pixels: int = MAX_PIXELS,
        backbone: Backbone | None = None,
    ) -> None:
        self.spec = spec
        self._workers = workers
        self._max_pixels = max_pixels
        self.backbone = spec._load() if backbone is None else backbone
        self.key = spec._key(self.backbone)
        if self.backbone is not None:
            self.backbone.module.to(memory_format=torch.channels_last)
        if cache is not None and cache.key != self.key:
            raise ConfigError(
                f"the cache holds features of key {cache.key}, but the spec has key {self.key}; "
                "make it with FeatureCache(folder, spec.key)"
            )
        self._cache = cache

    @classmethod
    def with_cache(
        cls, spec: FeatureSpec, folder: Path | None = None, *, backbone: Backbone | None = None
    ) -> FrozenFeatures:
        """Open with the cache of the spec in a folder, by default the user's cache folder."""
        made = cls(spec, backbone=backbone)
        made._cache = FeatureCache(folder or feature_cache_folder(), made.key)
        return made

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
        cached = {} if self._cache is None else self._cache.get_many(list(wanted))
        found = {key: array for key, array in cached.items() if array.shape == self.spec.shape}
        todo = {digest: Path(wanted[digest]) for digest in wanted if digest not in found}
        failures: list[LoadedImage] = []
        for batch in self._batches(todo, failures):
            new = dict(zip(batch, self._describe(np.stack([*batch.values()])), strict=True))
            if self._cache is not None:
                self._cache.put_many(new)
            found |= new
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

    def _batches(
        self, todo: dict[str, Path], failures: list[LoadedImage]
    ) -> Iterator[dict[str, NDArray[np.uint8]]]:
        """Yield pixels by digest, a batch at a time; what cannot be read goes to ``failures``."""
        stream = load_pixels(
            list(todo.values()),
            size=self.spec.image_size,
            mode=self.spec.resize,
            max_pixels=self._max_pixels,
            workers=self._workers,
        )
        batch: dict[str, NDArray[np.uint8]] = {}
        for digest, image in zip(todo, stream, strict=True):
            if image.pixels is None:
                failures.append(image)
                continue
            batch[digest] = image.pixels
            if len(batch) == _BATCH:
                yield batch
                batch = {}
        if batch:
            yield batch

    def _describe(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Return features (n, width) as float16, or the pixels (n, size, size, 3) themselves."""
        if self.backbone is None:
            return pixels
        with torch.inference_mode():
            maps = self.backbone.module(normalise(pixels, self.backbone.mean, self.backbone.std))
            used = maps[-1:] if self.spec.kind == "last" else maps
            blocks = [found.mean(dim=(2, 3)).numpy() for found in used]
        if self.spec.kind == "stages":
            blocks.append(colour_histograms(pixels))
        limit = np.finfo(np.float16).max
        return np.concatenate(blocks, axis=1).clip(-limit, limit).astype(np.float16)
