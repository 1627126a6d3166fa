"""Logging what a shop does as MLflow models: embedder, tagger, search and recommender."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core_embeddings.artefact import write_json
from core_embeddings.columns import LEVEL_SEPARATOR, VALUE_SEPARATOR, Columns
from core_embeddings.run import Run
from tuwen.catalogue import write_stored
from tuwen.shop import CATALOGUE, STATE, VECTORS, Shop
from tuwen.shop_state import TAGGERS

if TYPE_CHECKING:
    import pandas as pd

    from tuwen.pyfuncs.saving import ModelForm

PARTS = {
    "embedder": ("embedder",),
    "tagger": ("embedder", "taggers"),
    "search": ("embedder", "products"),
    "recommender": ("products", "recommender"),
}
"""Which parts of a shop each model is made of."""

ABOUT = {
    "embedder": "Products to unit vectors of the shop's shared space. No user data.",
    "tagger": "Products to tags, each with a calibrated confidence. No user data.",
    "search": "Words, pictures or both to the best products of the shop. No user data.",
    "recommender": (
        "Users to lists of products. No user data: what a user met (history, product ids joined "
        "by |, the latest last) comes with the request; without it, the cold-start list."
    ),
}
LIMITS = (
    " An image is base64 or a path on the serving machine; serve it only to those who may read "
    "that machine's pictures."
)


def log_models(run: Run, shop: Shop) -> dict[str, str]:
    """Log every model the shop is complete enough for.

    Parameters
    ----------
    run
        Where; a run that keeps nothing gives empty URIs.
    shop
        A fitted shop; its folder is only read.

    Returns
    -------
    dict
        Name to URI, for ``mlflow.pyfunc.load_model`` and ``mlflow models serve``.
    """
    products = shop.catalogue()
    embedder = shop.embedder()
    attributes = sorted(set(embedder.labels) - {Columns.CATEGORY})
    uris = {}
    for name, parts in PARTS.items():
        if all(part == "products" or shop.path(part).is_dir() for part in parts):
            write = _writer(shop, name, products, attributes)
            uris[name] = run.log_model(name, write)
    return uris


def _writer(
    shop: Shop, name: str, products: pd.DataFrame, attributes: list[str]
) -> Callable[[Path, str, str], None]:
    def write(folder: Path, run_id: str, model_id: str) -> None:
        from tuwen.pyfuncs.saving import save_model

        form = model_form(name, products, attributes)
        with part_of(shop, PARTS[name], products) as part:
            save_model(folder, form, part, run_id=run_id, model_id=model_id)

    return write


@contextmanager
def part_of(shop: Shop, parts: tuple[str, ...], products: pd.DataFrame) -> Iterator[Path]:
    """Give a copy of some parts of a shop: without run ids, without picture paths, without users.

    In the recommender's place stands one that knows nobody: what MLflow holds is out of the reach
    of ``tuwen forget``.
    """
    from tuwen.guests import GuestRecommender

    with tempfile.TemporaryDirectory() as parent:
        root = Path(parent) / "shop"
        state = replace(shop.state, runs={}, taggers=TAGGERS, version=0, fitted=0)
        root.mkdir()
        write_json(root / STATE, dict(vars(state)))
        for name in set(parts) - {"products", "recommender"}:
            source = shop.taggers_folder() if name == TAGGERS else shop.path(name)
            shutil.copytree(source, root / name)
        if "recommender" in parts:
            guests = GuestRecommender.of(shop.recommender())
            guests.save(root / "recommender", state.fingerprint)
        if "products" in parts:
            source = shop.products_folder()
            (root / source.name).mkdir()
            shutil.copyfile(source / VECTORS, root / source.name / VECTORS)
            write_stored(_without_paths(products), root / source.name / CATALOGUE)
        yield root


def model_form(name: str, products: pd.DataFrame, attributes: list[str]) -> ModelForm:
    """Return what goes into one of the four models and what comes out.

    Parameters
    ----------
    name
        One of `PARTS`.
    products
        The shop's, for an example of two rows.
    attributes
        Text columns the embedder may read where a product has no text.
    """
    import pandas as pd

    from tuwen.pyfuncs.saving import ModelForm

    about = ABOUT[name] + ("" if name == "recommender" else LIMITS)
    if name == "recommender":
        lists = {"user_id": "str", "product_id": "str", "rank": "int", "score": "float32"}
        met = products[Columns.PRODUCT].head(2)
        guests = ["somebody new", "somebody with a history"]
        example = pd.DataFrame({"user_id": guests, "history": ["", VALUE_SEPARATOR.join(met)]})
        asked = {"k": 10, "keep_seen": False}
        outputs = {**lists, "source": "str"}
        return ModelForm(
            name, {"user_id": "str", "history?": "str"}, outputs, example, asked, about
        )
    if name == "search":
        titles = [_words(products.iloc[row % len(products)]) for row in range(2)]
        example = pd.DataFrame({"query": titles})
        inputs = {"query?": "str", "image?": "str", "query_id?": "str"}
        outputs = {"query_id": "str", "product_id": "str", "rank": "int", "score": "float"}
        return ModelForm(name, inputs, outputs, example, {"k": 10, "where": ""}, about)
    texts = ("product_id", "title", "description", "category", "brand")
    inputs = {f"{column}?": "str" for column in (*texts, "image", *attributes)}
    example = pd.concat([products[list(texts)]] * 2, ignore_index=True).head(2)
    if name == "tagger":
        named = {column: "str" for column in ("product_id", "field", "value")}
        outputs = {**named, "confidence": "float", "decision": "str", "alternatives": "list[str]"}
        return ModelForm(name, inputs, outputs, example, {"fields": ""}, about)
    outputs = {"product_id": "str", "vector": "list[float]", "has_image": "bool"}
    outputs["has_text"] = "bool"
    return ModelForm(name, inputs, outputs, example, {"what": "fused"}, about)


def _without_paths(products: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    nothing: list[tuple[str, ...]] = [()] * len(products)
    return products.assign(image=pd.Series(nothing, index=products.index, dtype=object))


def _words(product: pd.Series) -> str:
    return str(product[Columns.TITLE] or product[Columns.CATEGORY].split(LEVEL_SEPARATOR)[-1])
