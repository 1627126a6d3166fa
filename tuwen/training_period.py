"""The interactions that may be learned from: those before the cut that lists are measured after."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from tuwen.settings import SplitConfig


def training_period(log: pd.DataFrame, split: SplitConfig) -> pd.DataFrame:
    """Return the interactions before the time cut; all of them where no time cuts them.

    Parameters
    ----------
    log
        In-memory interactions.
    split
        Names the first day of what is measured, or the share of the interactions it should be.
    """
    import pandas as pd

    from core_embeddings.splits import before, time_cut

    first_day = split.recent_from
    cut = pd.Timestamp(first_day, tz="UTC") if first_day else time_cut(log, share=split.recent)
    return log if cut is None else before(log, cut)
