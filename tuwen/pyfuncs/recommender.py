"""MLflow model: users in, LISTS out, as ``tuwen recommend`` gives them."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel

from core_embeddings.cleaning import optional_cells
from core_embeddings.columns import Columns
from tuwen.shop import Shop


class RecommenderModel(PythonModel):
    """The recommender of a shop, with the histories it reads."""

    def load_context(self, context: Any) -> None:
        """Load the recommender over the products it was logged with."""
        self.recommender = Shop.open(Path(context.artifacts["shop"])).recommender()

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return LISTS of the users, each answered once; unknown ones get the cold-start list."""
        asked = params or {}
        users = [name.strip() for name in optional_cells(model_input, Columns.USER)]
        return self.recommender.recommend(
            [name for name in dict.fromkeys(users) if name],
            int(asked.get("k", 10)),
            keep_seen=bool(asked.get("keep_seen", False)),
        )


mlflow.models.set_model(RecommenderModel())
