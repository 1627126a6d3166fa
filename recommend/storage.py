"""The recommender's folder: JSON, npz and Parquet, nothing pickled."""

from __future__ import annotations

import io
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from core_embeddings.artefact import Manifest, new_folder, read_json, write_bytes, write_json
from core_embeddings.columns import Columns
from core_embeddings.config import from_mapping, to_mapping
from core_embeddings.errors import ArtefactError, ConfigError
from core_embeddings.ids import IdMap
from recommend.blend import Blend
from recommend.config import RecommenderConfig
from recommend.factors import Factors
from recommend.state import Learned, State
from recommend.validation import Validated

KIND: Final = "recommender"
VERSION: Final = 1
FACTORS: Final = "factors.npz"
INTERACTIONS: Final = "interactions.parquet"
CONFIG: Final = "config.json"


@dataclass(frozen=True)
class Saved:
    """What a folder gives back."""

    config: RecommenderConfig
    seed: int
    validation: Validated
    as_of: pd.Timestamp | None
    learned: Learned
    interactions: pd.DataFrame


def save(
    folder: Path,
    state: State,
    config: RecommenderConfig,
    validation: Validated,
    seed: int,
    fingerprint: str,
) -> None:
    """Write the folder aside, then put it in place."""
    with new_folder(folder) as aside:
        Manifest(KIND, VERSION, fingerprint).write(aside)
        write_json(
            aside / CONFIG,
            {
                "config": to_mapping(config),
                "seed": seed,
                "validation": asdict(validation),
                "as_of": state.as_of.isoformat() if state.as_of is not None else None,
            },
        )
        learned, stream = state.learned, io.BytesIO()
        np.savez(
            stream,
            user_ids=np.array(learned.users.all, dtype=np.str_),
            product_ids=np.array(learned.products.all, dtype=np.str_),
            users=learned.factors.users,
            items=learned.factors.items,
        )
        write_bytes(aside / FACTORS, stream.getvalue())
        state.interactions.to_parquet(aside / INTERACTIONS, index=False)


def load(folder: Path, fingerprint: str | None) -> Saved:
    """Read the folder and check it.

    Raises
    ------
    ArtefactError
        If it is missing, damaged, or of another kind or version.
    FingerprintError
        If it was made with another embedder; ``None`` accepts any.
    """
    Manifest.read(folder, kind=KIND, version=VERSION, fingerprint=fingerprint)
    values = read_json(folder / CONFIG)
    try:
        validation = dict(values["validation"])
        blend = Blend(**validation.pop("blend"))
        return Saved(
            config=from_mapping(RecommenderConfig, values["config"]),
            seed=int(values["seed"]),
            validation=Validated(blend=blend, **validation),
            as_of=pd.Timestamp(values["as_of"]) if values["as_of"] else None,
            learned=_read_factors(folder / FACTORS),
            interactions=_read_interactions(folder / INTERACTIONS),
        )
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ArtefactError(
            f"{folder} is not a whole recommender ({error}); restore it or run the fit again"
        ) from None


def _read_factors(path: Path) -> Learned:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            learned = Learned(
                IdMap(arrays["user_ids"].tolist()),
                IdMap(arrays["product_ids"].tolist()),
                Factors(arrays["users"], arrays["items"]),
            )
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ArtefactError(
            f"{path} cannot be read ({error}); restore it or run the fit again"
        ) from None
    _check_shapes(path, learned)
    return learned


def _check_shapes(path: Path, learned: Learned) -> None:
    users, items = learned.factors
    right: Any = (len(learned.users), len(learned.products), items.shape[-1])
    if (*users.shape[:1], *items.shape[:1], users.shape[-1]) != right:
        raise ArtefactError(
            f"{path} has factors of shapes {users.shape} and {items.shape} for {right[0]} users "
            f"and {right[1]} products; restore it or run the fit again"
        )


def _read_interactions(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise ArtefactError(
            f"{path} cannot be read ({error}); restore it or run the fit again"
        ) from None
    times = pd.to_datetime(table[Columns.TIMESTAMP], utc=True)
    table[Columns.TIMESTAMP] = times.astype("datetime64[ns, UTC]")
    return table
