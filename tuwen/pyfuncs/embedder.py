"""MLflow model: products in, vectors out, as ``tuwen embed`` gives them."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel

from core_embeddings import FusionEmbedder
from core_embeddings.columns import Columns
from core_embeddings.embedding import embed_products
from tuwen.pyfuncs.requests import read_products


class EmbedderModel(PythonModel):
    """The embedder of a shop."""

    def load_context(self, context: Any) -> None:
        """Load the embedder; nothing is written beside it."""
        folder = Path(context.artifacts["shop"]) / "embedder"
        self.embedder = FusionEmbedder.from_pretrained(folder)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return ``product_id``, ``vector``, ``has_image`` and ``has_text``, a row per product."""
        attributes = [name for name in self.embedder.labels if name != Columns.CATEGORY]
        with read_products(model_input, attributes) as products:
            table = embed_products(self.embedder, products, (params or {}).get("what", "fused"))
        return pd.DataFrame(
            {
                Columns.PRODUCT: table.product_ids,
                Columns.VECTOR: [[float(x) for x in row] for row in table.vectors],
                Columns.HAS_IMAGE: table.has_image,
                Columns.HAS_TEXT: table.has_text,
            }
        )


mlflow.models.set_model(EmbedderModel())
