"""The ``image`` cell of a row: which files it names, and whether each may be read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from core_embeddings.artefact import digest_bytes, write_bytes
from core_embeddings.cleaning import cell_text
from core_embeddings.columns import VALUE_SEPARATOR
from core_embeddings.errors import ImageError, TableError
from core_embeddings.known_images import KnownImages

MAX_PIXELS = 64_000_000
MAX_DOWNLOAD = 64 * 1024 * 1024
WEB_PROTOCOLS = frozenset({"http", "https", "s3", "gs", "gcs", "az", "abfs", "memory"})
"""Where a URL image may come from: never ``file``, which would walk around the images folder."""

Progress = Callable[[int, int], None]

_PROTOCOL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?://|:)")


class CheckedImage(NamedTuple):
    """One image: absolute ``path`` and ``digest`` of a readable one, or the ``problem`` with it."""

    path: str
    digest: str
    problem: str


class ImageFolder:
    """The one folder that image cells may point into.

    Parameters
    ----------
    folder
        Root of the relative paths; None where the table is at a URL and no folder was given.
    allow_urls
        Fetch URLs into the user's cache folder instead of refusing them.
    max_pixels
        Larger images are refused.
    known
        Images that need not be decoded again; None decodes all.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        allow_urls: bool = False,
        max_pixels: int = MAX_PIXELS,
        known: KnownImages | None = None,
    ) -> None:
        self._known = known or KnownImages(None)
        self._folder = None if folder is None else folder.resolve()
        self._allow_urls = allow_urls
        self._max_pixels = max_pixels

    def check(
        self, names: Iterable[str], *, progress: Progress | None = None
    ) -> dict[str, CheckedImage]:
        """Return what each distinct name stands for; files are read by several threads.

        ``progress`` is called with (images done, images in all).
        """
        distinct = list(dict.fromkeys(names))
        # Reading and inflating leave the interpreter lock; more threads than cores only fight for
        # the disk.
        workers = min(8, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers) as pool:
            found = dict(zip(distinct, pool.map(self._find, distinct), strict=True))
            digests = {image.digest for image in found.values()} - {""}
            known = self._known.among(digests, max_pixels=self._max_pixels)
            todo = [name for name, image in found.items() if image.digest not in known | {""}]
            done = len(distinct) - len(todo)
            verified = pool.map(self._verify, [found[name] for name in todo])
            for name, checked in zip(todo, verified, strict=True):
                found[name], done = checked, done + 1
                if progress is not None:
                    progress(done, len(distinct))
        good = {image.digest for image in found.values()} - {""}
        self._known.add(good - known, max_pixels=self._max_pixels)
        return found

    def _find(self, name: str) -> CheckedImage:
        """Locate a file and take its digest; what it shows is not looked at."""
        from core_embeddings.images import image_digest

        try:
            path = self._locate(name)
            return CheckedImage(str(path), image_digest(path), "")
        except FileNotFoundError:
            return CheckedImage("", "", "does not exist")
        except ImageError as error:
            return CheckedImage("", "", str(error))
        except (OSError, RuntimeError, ValueError) as error:
            return CheckedImage("", "", f"cannot be opened: {type(error).__name__}")

    def _verify(self, image: CheckedImage) -> CheckedImage:
        from core_embeddings.images import verify_image

        try:
            verify_image(Path(image.path), max_pixels=self._max_pixels)
        except ImageError as error:
            return CheckedImage("", "", str(error))
        except (OSError, RuntimeError, ValueError) as error:
            return CheckedImage("", "", f"cannot be opened: {type(error).__name__}")
        return image

    def _locate(self, name: str) -> Path:
        if _PROTOCOL.match(name):
            return self._fetch(name)
        if self._folder is None:
            raise ImageError("the table is at a URL and no images folder was given")
        relative = name.replace("\\", "/")
        if "\x00" in name or any("\ud800" <= character <= "\udfff" for character in name):
            raise ImageError("not a usable path")
        if Path(relative).is_absolute() or PureWindowsPath(name).anchor:
            raise ImageError("absolute path; expected one relative to the images folder")
        plain = Path(os.path.normpath(self._folder / relative))
        if not plain.is_relative_to(self._folder):
            raise ImageError("outside the images folder")
        path = (self._folder / relative).resolve()
        if not path.is_relative_to(self._folder):
            raise ImageError("outside the images folder, through a symlink")
        # A pipe or a device would block the reader for ever.
        if path.exists() and not path.is_file():
            raise ImageError("not a file")
        return path

    def _fetch(self, url: str) -> Path:
        if not self._allow_urls:
            raise ImageError("a URL; URLs are refused unless --allow-url-images is given")
        protocol = url.split(":", 1)[0].lower()
        if protocol not in WEB_PROTOCOLS or "::" in url:
            raise ImageError(f"a URL of protocol {protocol!r}, which is not allowed")
        target = url_cache_folder() / digest_bytes(url.encode("utf-8", "replace"))
        if not target.exists():
            write_bytes(target, _download(url))
        return target


def url_cache_folder() -> Path:
    """Return the folder that holds fetched images, under the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "tuwen" / "url_images"


def images_folder(table: str | Path, images: str | Path | None) -> Path | None:
    """Return the folder that image paths are relative to: ``images``, or the table's own.

    Raises
    ------
    TableError
        If ``images`` is not a folder.
    """
    if images is not None:
        folder = Path(images)
        if not folder.is_dir():
            raise TableError(f"images folder {folder} is not a folder; check --images")
        return folder
    location = str(table).removeprefix("file://")
    return None if "://" in location else Path(location).parent


def image_names(cell: Any) -> list[str]:
    """Return the names in one image cell, a list or text joined by ``|``, each once."""
    parts = (part.strip() for part in cell_text(cell).split(VALUE_SEPARATOR))
    return list(dict.fromkeys(part for part in parts if part))


def _download(url: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(url, "rb") as stream:
            payload: bytes = stream.read(MAX_DOWNLOAD + 1)
    except Exception as error:  # every fsspec backend brings exceptions of its own
        raise ImageError(f"cannot be fetched: {type(error).__name__}") from error
    if len(payload) > MAX_DOWNLOAD:
        raise ImageError(f"more than {MAX_DOWNLOAD} bytes")
    return payload
