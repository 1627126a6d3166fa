"""MLflow model: users and what they met in, LISTS out; it knows nobody itself."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel

from tuwen.guests import GuestRecommender
from tuwen.pyfuncs.requests import read_histories
from tuwen.shop import Shop


class RecommenderModel(PythonModel):
    """What a shop's recommender learned of products; histories come with the request."""

    def load_context(self, context: Any) -> None:
        """Load it over the products it was logged with."""
        shop = Shop.open(Path(context.artifacts["shop"]))
        table = shop.vectors()
        self.recommender = GuestRecommender.load(
            shop.path("recommender"), shop.state.fingerprint, table.product_ids, table.vectors
        )

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return LISTS, each user once; who comes without history gets the cold-start list."""
        asked = params or {}
        return self.recommender.recommend(
            read_histories(model_input),
            int(asked.get("k", 10)),
            keep_seen=bool(asked.get("keep_seen", False)),
        )


mlflow.models.set_model(RecommenderModel())
