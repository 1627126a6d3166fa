"""MLflow model: products in, TAGS out, as ``tuwen tag`` gives them."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel

from classify.taggers import TaggerSet
from core_embeddings import FusionEmbedder
from core_embeddings.columns import Columns
from tuwen.pyfuncs.requests import read_products
from tuwen.tagging import tagger_views


class TaggerModel(PythonModel):
    """The taggers of a shop, and the embedder whose views they read."""

    def load_context(self, context: Any) -> None:
        """Load both; taggers made with another embedder are refused."""
        shop = Path(context.artifacts["shop"])
        self.embedder = FusionEmbedder.from_pretrained(shop / "embedder")
        self.taggers = TaggerSet.load(shop / "taggers", fingerprint=self.embedder.fingerprint)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return TAGS: one row per product and field."""
        wanted = [name.strip() for name in (params or {}).get("fields", "").split(",")]
        attributes = [name for name in self.embedder.labels if name != Columns.CATEGORY]
        with read_products(model_input, attributes) as products:
            views = self.embedder.views(products)
        tags = self.taggers.tag(
            tagger_views(views),
            products,
            fields=[name for name in wanted if name] or None,
            has_image=views.has_image,
            has_text=views.has_text,
        )
        tags[Columns.ALTERNATIVES] = [list(values) for values in tags[Columns.ALTERNATIVES]]
        return tags


mlflow.models.set_model(TaggerModel())
