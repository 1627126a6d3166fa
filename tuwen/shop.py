"""The shop: one folder with everything fitted on one catalogue. Layout: docs/architecture.md."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_embeddings.artefact import new_folder, read_json, write_json
from core_embeddings.errors import ArtefactError
from core_embeddings.vector_table import VectorTable, read_vectors, write_vectors
from tuwen.catalogue import read_stored, write_stored
from tuwen.corrections import Corrections
from tuwen.shop_state import FORMAT_VERSION, TAGGERS, ShopState

if TYPE_CHECKING:
    import pandas as pd

    from classify.taggers import TaggerSet
    from core_embeddings.embedder import FusionEmbedder
    from recommend.hybrid import HybridRecommender
    from retrieve.matcher import Matcher

STATE = "shop.json"
CATALOGUE = "catalogue.parquet"
VECTORS = "vectors.parquet"


class Shop:
    """A shop folder; everything in it is loaded when asked for.

    Parameters
    ----------
    root
        The folder; use `create` or `open`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def create(cls, root: Path | str, *, name: str | None = None) -> Shop:
        """Make a shop folder, or open the one that is there.

        Raises
        ------
        ArtefactError
            If the folder holds other things, or a shop of another format.
        """
        shop = cls(Path(root))
        if (shop.root / STATE).exists():
            return cls.open(root)
        if shop.root.exists() and (not shop.root.is_dir() or any(shop.root.iterdir())):
            raise ArtefactError(
                f"{root} exists and is not a shop; name a new or empty folder for --out"
            )
        shop.root.mkdir(parents=True, exist_ok=True)
        write_json(shop.root / STATE, asdict(ShopState(name or shop.root.resolve().name)))
        return shop

    @classmethod
    def open(cls, root: Path | str) -> Shop:
        """Open an existing shop.

        Raises
        ------
        ArtefactError
            If there is none, or its format is not read by this version.
        """
        shop = cls(Path(root))
        if not (shop.root / STATE).is_file():
            raise ArtefactError(
                f"{root} is not a shop (it has no {STATE}); "
                f"make one with: tuwen fit CATALOGUE --out {root}"
            )
        _ = shop.state
        return shop

    @property
    def state(self) -> ShopState:
        """What ``shop.json`` says now.

        Raises
        ------
        ArtefactError
            If it is damaged or of another format version.
        """
        values = read_json(self.root / STATE)
        found = values.get("format_version") if isinstance(values, dict) else None
        if found != FORMAT_VERSION:
            raise ArtefactError(
                f"{self.root / STATE} has format version {found!r}; this tuwen reads "
                f"{FORMAT_VERSION}: run the fit again into a new folder"
            )
        try:
            return ShopState(**values)
        except TypeError as error:
            raise ArtefactError(
                f"{self.root / STATE} is damaged ({error}); run the fit again"
            ) from None

    def update(self, **changes: Any) -> ShopState:
        """Rewrite ``shop.json`` with some values changed, atomically."""
        state = replace(self.state, **changes)
        write_json(self.root / STATE, asdict(state))
        return state

    def setting(self, section: str, name: str, default: float) -> float:
        """Return a number among the settings of the last fit."""
        return float(self.state.settings.get(section, {}).get(name, default))

    def path(self, *parts: str) -> Path:
        """Return a path inside the shop."""
        return self.root.joinpath(*parts)

    def validate(self) -> None:
        """Check that the fit of this shop was finished.

        Raises
        ------
        ArtefactError
            If not.
        """
        if not self.state.complete:
            raise ArtefactError(
                f"the fit of {self.root} was not finished; run the same tuwen fit again, "
                "it goes on where it stopped"
            )

    # -- products ------------------------------------------------------------------------------

    def products_folder(self) -> Path:
        """Return the current products folder.

        Raises
        ------
        ArtefactError
            If there is none yet.
        """
        current = self.state.products
        if not current:
            raise ArtefactError(f"{self.root} holds no products yet; run tuwen fit first")
        return self.path(current)

    def catalogue(self) -> pd.DataFrame:
        """Return the products, sorted by id, in the layout of `core_embeddings.tables`."""
        return read_stored(self.products_folder() / CATALOGUE)

    def vectors(self) -> VectorTable:
        """Return the stored vectors, in the catalogue's order; another embedder's are refused."""
        return read_vectors(
            self.products_folder() / VECTORS, fingerprint=self.state.fingerprint or None
        )

    def write_products(
        self, products: pd.DataFrame, vectors: VectorTable | None = None, **changes: Any
    ) -> Path:
        """Put a new products folder in place of the current one; delete the old ones.

        The folder is complete before ``shop.json`` names it: a kill leaves the old or the new.

        Parameters
        ----------
        products
            The whole catalogue.
        vectors
            One row per product in the same order; None where they come later.
        changes
            Of the state, at the same instant.
        """
        if vectors is not None and vectors.product_ids != products["product_id"].tolist():
            raise ValueError("vectors must have the products' ids in the products' order")
        number = 1 + max((int(f.name[9:]) for f in self._products_folders()), default=0)
        folder = self.path(f"products-{number:04d}")
        with new_folder(folder) as aside:
            write_stored(products, aside / CATALOGUE)
            if vectors is not None:
                write_vectors(aside / VECTORS, vectors)
        self.update(products=folder.name, **changes)
        self.remove_old_products()
        return folder

    def remove_old_products(self) -> None:
        """Delete every products folder but the current one, half-written ones included."""
        current = self.state.products
        for folder in self.root.glob("*products-*"):
            if folder.is_dir() and folder.name != current:
                shutil.rmtree(folder)

    def _products_folders(self) -> list[Path]:
        return [f for f in self.root.glob("products-*") if f.name[9:].isdigit()]

    def corrections(self) -> Corrections:
        """Return what people said of the products."""
        return Corrections(self.root, self.state.version)

    # -- fitted parts --------------------------------------------------------------------------

    def embedder(self) -> FusionEmbedder:
        """Load the embedder, and check that it is the one the shop was fitted with."""
        from core_embeddings.artefact import check_fingerprint
        from core_embeddings.embedder import FusionEmbedder
        from core_embeddings.feature_cache import feature_cache_folder

        embedder = FusionEmbedder.from_pretrained(
            self._part("embedder"), cache_folder=feature_cache_folder()
        )
        check_fingerprint(
            embedder.fingerprint, self.state.fingerprint or None, what=str(self.path("embedder"))
        )
        return embedder

    def matcher(self, *, embedder: FusionEmbedder | None = None, encode: bool = True) -> Matcher:
        """Return the matcher; without ``encode`` it takes ids and vectors only, and loads fast."""
        from retrieve.matcher import Matcher

        table = self.vectors()
        if encode and embedder is None:
            embedder = self.embedder()
        return Matcher(
            table.product_ids,
            table.vectors,
            fingerprint=table.fingerprint,
            embedder=embedder,
            temperature=self.setting("search", "temperature", 1.0),
        )

    def taggers(self) -> TaggerSet:
        """Load the taggers; another embedder's are refused."""
        from classify.taggers import TaggerSet

        return TaggerSet.load(self.taggers_folder(), fingerprint=self.state.fingerprint)

    def taggers_folder(self) -> Path:
        """Return the folder of the taggers in use."""
        return self._part(self.state.taggers)

    def write_taggers(self, taggers: TaggerSet, name: str = TAGGERS) -> str:
        """Write taggers into a folder of that name; they are in use once ``shop.json`` says so."""
        taggers.save(self.path(name), self.state.fingerprint)
        return name

    @property
    def has_recommender(self) -> bool:
        """Whether the fit had interactions."""
        return self.path("recommender").is_dir()

    def recommender(self) -> HybridRecommender:
        """Load the recommender, over the products the shop holds now.

        Raises
        ------
        ArtefactError
            If the shop was fitted without interactions.
        """
        from recommend.hybrid import HybridRecommender

        if not self.has_recommender:
            raise ArtefactError(
                f"{self.root} has no recommender: it was fitted without interactions; "
                "run tuwen fit with --interactions"
            )
        table = self.vectors()
        return HybridRecommender.from_pretrained(
            self.path("recommender"), self.state.fingerprint, table.product_ids, table.vectors
        )

    def _part(self, name: str) -> Path:
        folder = self.path(name)
        if not folder.is_dir():
            raise ArtefactError(
                f"{self.root} has no {name} yet; run the same tuwen fit again, "
                "it goes on where it stopped"
            )
        return folder
