"""BM25 over the words of the texts: the baseline of every retrieval report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core_embeddings.spelling import Speller
from core_embeddings.text import Tokenizer
from core_embeddings.topk import topk_of_scores
from retrieve.hits import hits_frame, name_queries


class LexicalIndex:
    """Rank products by the words they share with a query.

    BM25 in Lucene's form (Robertson & Zaragoza 2009; the variant of Kamphuis et al. 2020): term
    frequency saturated by ``k1``, document length normalised by ``b``,
    idf = ln(1 + (N - df + ½) / (df + ½)).

    Parameters
    ----------
    product_ids
        Unique ids, one per text.
    texts
        The words of each product, any language.
    tokenizer
        None takes the suite's own with its defaults.
    k1, b
        BM25's two constants, at their usual defaults.
    correct
        Read a query's unknown words as the known words that were meant (see `Speller`); off for
        BM25 as everybody knows it.

    Raises
    ------
    ValueError
        If the counts differ or an id repeats.
    """

    def __init__(
        self,
        product_ids: Sequence[str],
        texts: Sequence[str],
        *,
        tokenizer: Tokenizer | None = None,
        k1: float = 1.5,
        b: float = 0.75,
        correct: bool = True,
    ) -> None:
        if len(product_ids) != len(texts) or len(set(product_ids)) != len(product_ids):
            raise ValueError(
                f"product_ids must be {len(texts)} unique ids, one per text; "
                f"got {len(product_ids)}, {len(set(product_ids))} of them unique"
            )
        import bm25s  # late: it compiles what it can on import

        self._tokenizer = tokenizer or Tokenizer()
        # Sorted by id, so that ties by row are ties by product_id.
        self._order = np.array(
            sorted(range(len(product_ids)), key=product_ids.__getitem__), dtype=np.int64
        )
        self._product_ids = [product_ids[row] for row in self._order]
        tokens = [self._tokenizer(texts[row]) for row in self._order]
        self._known = Counter(token for words in tokens for token in set(words))
        self._speller = Speller(self._known) if correct else None
        self._bm25 = bm25s.BM25(method="lucene", k1=k1, b=b)
        if self._known:
            self._bm25.index(tokens, show_progress=False)

    def __len__(self) -> int:
        return len(self._product_ids)

    def search(
        self,
        texts: Sequence[str],
        k: int = 10,
        *,
        allow: NDArray[np.bool_] | None = None,
        query_ids: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Return the best products for texts; a product without a shared word is not returned.

        Parameters
        ----------
        texts
            One per query.
        k
            Length of the lists.
        allow
            Boolean mask over the products, in the order given at construction; None allows all.
        query_ids
            Names of the queries; None names them "0", "1", ….

        Returns
        -------
        DataFrame
            HITS; ``score`` is BM25's, ties by ``product_id``.
        """
        names = name_queries(query_ids, len(texts))
        mask = None if allow is None else self._sorted_mask(allow)
        k = min(k, max(1, len(self)))  # a longer list would be padding
        rows = np.full((len(texts), k), -1, dtype=np.int64)
        scores = np.full((len(texts), k), -np.inf)
        for place, text in enumerate(texts):
            rows[place], scores[place] = topk_of_scores(self._scores(text), k, allow=mask)
        return hits_frame(names, self._product_ids, rows, score=scores)

    def _scores(self, text: str) -> NDArray[np.float32]:
        """Return BM25 of every product, ``-inf`` where no word is shared."""
        words = self._tokenizer(text)
        if self._speller is not None:
            words = self._speller(words)
        words = [word for word in words if word in self._known]
        if not words:
            return np.full(len(self), -np.inf, dtype=np.float32)
        scores = np.asarray(self._bm25.get_scores(words), dtype=np.float32)
        return np.where(scores > 0, scores, np.float32(-np.inf))

    def _sorted_mask(self, allow: NDArray[np.bool_]) -> NDArray[np.bool_]:
        mask = np.asarray(allow)
        if mask.dtype != np.bool_ or mask.shape != (len(self),):
            raise ValueError(
                f"allow must be a boolean mask of shape ({len(self)},); "
                f"got {mask.dtype} of shape {mask.shape}"
            )
        return mask[self._order]
