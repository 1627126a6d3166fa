"""MLflow model: words and pictures in, HITS out, as ``tuwen search`` gives them."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel

from core_embeddings import FusionEmbedder
from core_embeddings.columns import Columns
from tuwen.pyfuncs.requests import read_queries
from tuwen.search import allowed
from tuwen.shop import Shop

HITS = [Columns.QUERY_ID, Columns.PRODUCT, Columns.RANK, Columns.SCORE]


class SearchModel(PythonModel):
    """The products of a shop, and the embedder that reads queries."""

    def load_context(self, context: Any) -> None:
        """Load products and embedder."""
        shop = Shop.open(Path(context.artifacts["shop"]))
        embedder = FusionEmbedder.from_pretrained(shop.path("embedder"))
        self.products = shop.catalogue()
        self.matcher = shop.matcher(embedder=embedder)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return HITS; ``k`` per query, among the products that ``where`` allows."""
        asked = params or {}
        with read_queries(model_input) as queries:
            hits = self.matcher.search(
                queries[Columns.QUERY].tolist(),
                queries[Columns.IMAGE].tolist(),
                int(asked.get("k", 10)),
                allow=allowed(self.products, asked.get("where", "")),
                query_ids=queries[Columns.QUERY_ID].tolist(),
            )
        return hits[HITS]


mlflow.models.set_model(SearchModel())
