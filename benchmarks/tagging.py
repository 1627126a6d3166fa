"""Every field of hm and fashion: how right, how sure, how much needs no human, beside baselines.

    python benchmarks/tagging.py [hm] [fashion] [--shop FOLDER] [--write]

Takes the vectors of a fitted shop (FOLDER/<set>-shop, by default $TUWEN_BENCH, benchmarks/out) and
fits its taggers anew, since softmax and SVM heads are also measured apart, and the baselines get
the same combination, calibration and decision rule. What every head said is kept beside it in
<set>-answers; remove that folder to fit again. A set that is absent is skipped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sections import DATA, ROOT, write_section
from tagger_answers import BASELINE, Answers, answers_of, load, save
from tagger_chance import DRAWS, best_share, broken_promises, honest_ece

from classify import metrics
from classify.combination import choose_combination
from classify.cross_fit import FLOOR
from classify.evidence import cross_fitted_blend, evidence_of
from classify.modalities import view_modality
from classify.promise import Evidence, Promise
from classify.tagger_config import TaggerConfig
from classify.taxonomy import cheapest_values, hierarchical_f1, levels_of, lies_in
from classify.verdicts import judge

SETS: Final = ("hm", "fashion")
OUT: Final = ROOT / os.environ.get("TUWEN_BENCH", "benchmarks/out")
TARGETS: Final = (0.95, 0.98)
MODELS: Final[dict[str, Callable[[str], bool]]] = {
    "all heads": lambda part: part != BASELINE,
    "softmax": lambda part: part.endswith(".softmax"),
    "svm": lambda part: part.endswith(".svm"),
    "image only": lambda part: part.startswith("image."),
    "tfidf+svm": lambda part: part == BASELINE,
}


class Fitted(NamedTuple):
    """A combination of some heads, chosen on validation rows."""

    evidence: Evidence
    test: NDArray[np.float64]
    """Probabilities of test rows."""


def fit(answers: Answers) -> Fitted:
    """Combine parts and gather evidence, as ``MultiViewTagger`` does."""
    parts, codes = answers.held, answers.codes
    prior = np.log(answers.examples / answers.examples.sum())
    told = parts[:, np.arange(len(codes)), codes].max(axis=0) > np.log(FLOOR) + 1e-3
    kinds = [view_modality(part.split(".")[0]) for part in answers.parts]
    alone = [[at for at, kind in enumerate(kinds) if kind == one] for one in ("text", "image")]
    chosen = choose_combination(parts[:, told], codes[told], log_prior=prior, alone=alone)
    blended = cross_fitted_blend(
        parts, codes, told=told, folds=answers.folds, log_prior=prior, alone=alone
    )
    evidence = evidence_of(
        blended,
        codes,
        answers.classes.tolist(),
        examples=answers.examples,
        min_examples=TaggerConfig().min_auto_examples,
    )
    return Fitted(evidence, np.exp(chosen.log_probabilities(answers.test, prior)))


def flat(evidence: Evidence) -> Evidence:
    """Return the evidence of whole values alone."""
    return Evidence(evidence.confidence[:1], evidence.correct[:1], evidence.truth)


def row_of(field: str, model: str, answers: Answers, fitted: Fitted) -> list[str]:
    """Return a table row: labels, calibration, and what is decided at each target."""
    best = answers.classes[fitted.test.argmax(axis=1)]
    right, sure = best == answers.truth, fitted.test.max(axis=1)
    cells = [
        *(
            f"{metrics.accuracy(answers.truth, best):.4f}",
            f"{metrics.macro_f1(answers.truth, best):.4f}",
        ),
        f"{metrics.ece(sure, right):.3f} ({honest_ece(sure):.3f})",
    ]
    for target in TARGETS:
        found = decided(answers, fitted._replace(evidence=flat(fitted.evidence)), target)
        reached = f"{found.right:.3f}" if found.auto else "–"
        cells.append(f"{found.auto:.3f} / {reached}")
    cells.append(" / ".join(f"{best_share(sure, right, target):.3f}" for target in TARGETS))
    return [field, model, *cells]


class Decided(NamedTuple):
    """What a rule does on test rows."""

    auto: float
    right: float
    whole: float
    """Share decided down to the last level."""
    plausible: float
    """Share of reviewed rows whose true value is offered."""
    size: float


def decided(answers: Answers, fitted: Fitted, target: float) -> Decided:
    """Apply the rule that promises ``target``."""
    said = judge(
        fitted.test,
        answers.classes,
        fitted.evidence.rule(Promise(target)),
        examples=answers.examples,
        min_examples=TaggerConfig().min_auto_examples,
    )
    likeliest = answers.classes[fitted.test.argmax(axis=1)]
    offered = [[value, *rest] for value, rest in zip(said.value, said.others, strict=True)]
    left = np.flatnonzero(~said.auto)
    return Decided(
        metrics.coverage(said.auto),
        metrics.auto_accuracy(lies_in(answers.truth, said.value), said.auto),
        metrics.coverage(said.auto & (said.value == likeliest)),
        float(np.mean([answers.truth[row] in offered[row] for row in left])) if left.size else 1.0,
        float(np.mean([len(offered[row]) for row in left])) if left.size else 0.0,
    )


def taxonomy_rows(answers: Answers, other: Path) -> Iterator[list[str]]:
    """Yield the rows of the table of paths; ``other`` may hold the answers of flat heads."""
    levels = levels_of(answers.classes.tolist())
    fitted = fit(answers.of(MODELS["all heads"]))
    baseline = fit(answers.of(MODELS["tfidf+svm"]))
    ways = [
        ("all heads, likeliest", fitted.test.argmax(axis=1), fitted),
        ("all heads, least expected cost", cheapest_values(fitted.test, levels), fitted),
        ("tfidf+svm", baseline.test.argmax(axis=1), baseline),
    ]
    if other.exists():
        flat_heads = fit(load(other.parent, other.stem))
        name = "flat heads (values know nothing of each other)"
        ways.append((name, flat_heads.test.argmax(axis=1), flat_heads))
    for name, best, own in ways:
        said = answers.classes[best]
        cells = [
            f"{metrics.accuracy(answers.truth, said):.4f}",
            f"{hierarchical_f1(answers.truth, said):.4f}",
        ]
        for target in TARGETS:
            found = decided(answers, own, target)
            reached = f"{found.right:.3f}" if found.auto else "–"
            cells.append(f"{found.auto:.3f} ({found.whole:.3f}) / {reached}")
        yield [name, *cells]


def section(name: str, folder: Path) -> str:
    """Return a set's Markdown."""
    fields = sorted(path.stem for path in folder.glob("*.npz"))
    main, promises = [], []
    paths: list[list[str]] = []
    for field in fields:
        answers = load(folder, field)
        for model, chosen in MODELS.items():
            own = answers.of(chosen)
            if not own.parts:
                continue
            fitted = fit(own)
            main.append(row_of(field, model, own, fitted))
            if model == "all heads":
                promises.append(promise_row(field, own, fitted))
        if len(levels_of(answers.classes.tolist())) > 1:
            paths += taxonomy_rows(answers, folder.with_name(f"{name}-flat") / f"{field}.npz")
        print(f"{name} {field}", file=sys.stderr, flush=True)
    return "\n\n".join(
        [
            f"## {name}: taggers and what they promise",
            NOTE,
            table(MAIN_HEAD, main),
            table(PROMISE_HEAD, promises),
            *([table(PATH_HEAD, paths)] if paths else []),
        ]
    )


def promise_row(field: str, answers: Answers, fitted: Fitted) -> list[str]:
    """Return how the promise is kept, and what review is shown."""
    cells = [field]
    for target in TARGETS:
        broken, auto = broken_promises(answers, fitted.test, target)
        cells.append(f"{broken:.3f} ({auto:.3f})")
    found = decided(answers, fitted, TARGETS[0])
    return [*cells, f"{found.plausible:.3f}", f"{found.size:.1f}"]


MAIN_HEAD: Final = [
    *("field", "model", "accuracy", "macro-F1", "ECE (chance)"),
    *("auto / right at .95", "auto / right at .98", "best share at .95 / .98"),
]
PROMISE_HEAD: Final = [
    *("field", "broken at .95 (auto)", "broken at .98 (auto)", "plausible", "values offered"),
]
PATH_HEAD: Final = [
    *("category", "leaf accuracy", "hierarchical F1"),
    *("auto (whole) / right at .95", "auto (whole) / right at .98"),
]
NOTE: Final = (
    "Test rows. Every model is combined, calibrated and given its thresholds by the same code on "
    "the same validation rows; assurance .9. *ECE (chance)*: in brackets what a perfectly "
    "calibrated tagger of this confidence gets on so many rows. *auto / right*: share of whole "
    "values decided without a human, and how many of them are right. *best share*: the largest "
    "share, surest first, that is right so often, found by looking at the truth. *broken*: share "
    f"of {DRAWS} drawn calibration sets (by duplicate group) whose rule errs more than promised, "
    "and its mean coverage. *plausible*: reviewed products whose true value is offered (promised: "
    ".95), and how many values that takes. In the table of paths auto counts starts of paths."
)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def prepare(name: str, shop_folder: Path) -> bool:
    """Fit and keep the answers; tell whether there are any."""
    folder = OUT / f"{name}-answers"
    if folder.is_dir():
        return True
    if not (DATA / name).is_dir() or not (shop_folder / "shop.json").exists():
        print(f"{name}: {DATA / name} or {shop_folder} is absent; skipped (fit it first)")
        return False
    from core_embeddings.fields import taggable_fields
    from tuwen.shop import Shop
    from tuwen.tagging import tagger_views

    shop = Shop.open(shop_folder)
    products = shop.catalogue()
    views = shop.embedder().views(products)
    split = products["split"].to_numpy(dtype=object)
    full = views.has_image & views.has_text
    for target, fields, config in (
        (folder, taggable_fields(products), TaggerConfig()),
        (OUT / f"{name}-flat", ["category"], TaggerConfig(kin=False)),
    ):
        found = answers_of(
            tagger_views(views),
            products,
            fields=fields,
            split=split,
            full=full,
            config=config,
            baseline=target == folder,
        )
        save(found, target)
    return True


def main(arguments: list[str]) -> int:
    """Measure the named sets, or all."""
    shops = Path(arguments[arguments.index("--shop") + 1]) if "--shop" in arguments else OUT
    for name in [word for word in arguments if word in SETS] or SETS:
        if not prepare(name, shops / f"{name}-shop"):
            continue
        text = section(name, OUT / f"{name}-answers")
        print(text)
        if "--write" in arguments:
            write_section(f"{name}-tagging", text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
