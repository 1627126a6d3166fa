"""One fit from tables to a shop: which stages there are, what each depends on, in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_embeddings.artefact import digest_json
from core_embeddings.config import to_mapping
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.installed import missing_weights
from tuwen.fit_logging import headline_metrics, log_inputs
from tuwen.inputs import FitRequest, named_files, table_digest
from tuwen.report import read_report
from tuwen.shop import Shop
from tuwen.shop_state import TAGGERS
from tuwen.stages import StageOutput, StageResult, Stages

if TYPE_CHECKING:
    from core_embeddings.tracking import Run
    from tuwen.settings import FitConfig

Note = Callable[[str], None]
SEEN = {
    "mlflow.source.name": "tuwen fit",
    "mlflow.source.type": "LOCAL",
    "mlflow.note.content": (
        "Metrics are `job/segment/metric` of what the shop serves, on held-out data. "
        "Beside its baselines: Artifacts, `tables/report.csv`; in pictures: `figures`."
    ),
}
"""Tags that MLflow's page of a run shows as source and description."""
WHOLE = "fit"
"""Name of the stage that stands for all of them: done when nothing at all has changed."""


@dataclass(frozen=True)
class FitSummary:
    """What a fit did.

    Parameters
    ----------
    shop
        The folder.
    stages
        How each stage ended; the one stage ``fit`` where nothing had changed.
    """

    shop: Shop
    stages: tuple[StageResult, ...]

    @property
    def skipped(self) -> bool:
        """Whether everything had been done before."""
        return all(stage.skipped for stage in self.stages)


def fit(request: FitRequest, out: Path | str, *, note: Note = lambda text: None) -> FitSummary:
    """Fit a shop, or do what is left of it.

    A fit with the inputs and settings of the last one returns at once. One that was interrupted
    goes on with the first stage that is not done, in the MLflow run it began.

    Parameters
    ----------
    request
        Tables and settings.
    out
        The shop's folder: new, empty, or a shop.
    note
        Told what happens, line by line.

    Raises
    ------
    TuwenError
        Of the kind that says what is wrong: a table, a setting, the folder.
    """
    digest = request.digest()
    shop = Shop.create(out)
    stages = Stages(shop.root, announce=lambda name: None if name == WHOLE else note(f"{name} ..."))
    if shop.state.complete and stages.is_done(WHOLE, digest):
        _settle_kept(shop, request, note)
        return FitSummary(shop, (stages.run(WHOLE, digest, _nothing),))
    from tuwen.settings import read_settings

    config = read_settings(request.config_file, request.overrides)
    again = shop.state.runs.get("request") == digest and not shop.state.complete
    earlier = shop.state.runs.get(WHOLE, "")
    # Heads of corrections go, also where those of the fit are found done.
    settings = config.as_settings()
    shop.update(complete=False, settings=settings, seed=request.seed, taggers=TAGGERS)
    with _parent_run(shop, earlier, again=again) as run:
        shop.update(runs={WHOLE: run.run_id, "request": digest})
        told = shop.corrections().digest()
        if stages.is_done("read", stage_digests(config, request, corrections=told)["read"]):
            _settle_kept(shop, request, note)
        results = _run_stages(shop, stages, config, request, run, note)
    stages.run(WHOLE, digest, lambda: StageOutput(("report.json", shop.state.products, "embedder")))
    shop.update(complete=True)
    return FitSummary(shop, tuple(results))


def _settle_kept(shop: Shop, request: FitRequest, note: Note) -> None:
    """Do what --strict and --rejects ask for with the rejects of an earlier read."""
    options = request.options
    if not options.strict and options.rejects is None:
        return
    import pandas as pd

    from tuwen.loading import settle_rejects

    kept = pd.read_parquet(shop.path("rejects.parquet"))
    settle_rejects(kept, options, what=request.catalogue, note=note)


def stage_digests(
    config: FitConfig, request: FitRequest, *, corrections: str = ""
) -> dict[str, str]:
    """Return what each stage depends on, in running order; stages that do not apply are absent.

    ``corrections`` is the digest of what humans said of the products since: the next fit learns it.
    """
    settings = config.as_settings()
    seed, told = request.seed, [corrections] if corrections else []
    read = digest_json([request.catalogue_digest(), settings["split"], seed, *told])
    absent = [*missing_weights(), *named_files(settings["embedder"].values())]
    log, columns = table_digest(request.interactions), dict(request.options.columns)
    learned = [log, columns] if config.embedder.co_purchase > 0 else []
    embedder = digest_json([read, settings["embedder"], seed, *absent, *learned])
    digests = {
        "read": read,
        "features": digest_json(["features", read, settings["embedder"], *absent]),
        "embedder": embedder,
        "vectors": digest_json(["vectors", embedder]),
        "taggers": digest_json(["taggers", embedder, settings["classify"]]),
    }
    if request.interactions is not None:
        digests["recommender"] = digest_json([embedder, log, columns, settings["recommend"], seed])
    if has_article(config):
        network = to_mapping(EmbedderConfig.for_preset("article"))
        digests["article"] = digest_json([read, settings["baseline"], network, seed])
    queries = [table_digest(request.queries), settings["baseline"]]
    digests["evaluate"] = digest_json([*digests.values(), *queries])
    digests["models"] = digest_json(["models", digests["evaluate"]])
    return digests


def has_article(config: FitConfig) -> bool:
    """Tell whether the article's network is fitted as a baseline: not beside itself."""
    return config.baseline.article and config.embedder.preset != "article"


def _run_stages(
    shop: Shop, stages: Stages, config: FitConfig, request: FitRequest, run: Run, note: Note
) -> list[StageResult]:
    from tuwen.fit_stages import FitStages

    work, results = FitStages(shop, config, request, run, note=note), []
    digests = stage_digests(config, request, corrections=shop.corrections().digest())
    for name, digest in digests.items():
        result = stages.run(name, digest, _tracked(run, name, getattr(work, f"run_{name}")))
        counts = "".join(f", {count} {what}" for what, count in result.counts.items())
        note(f"{name}: {'skipped' if result.skipped else f'{result.seconds:.1f} s'}{counts}")
        results.append(result)
        if name == "read":
            log_inputs(run, request, work.products)
    run.log_metrics(headline_metrics(read_report(shop.root)))
    return results


def _tracked(
    run: Run, name: str, function: Callable[[Run], StageOutput]
) -> Callable[[], StageOutput]:
    def tracked() -> StageOutput:
        with run.child(name) as child:
            output = function(child)
            numbers = {k: float(v) for k, v in output.counts.items() if isinstance(v, int | float)}
            child.log_metrics(numbers)
        return output

    return tracked


@contextmanager
def _parent_run(shop: Shop, earlier: str, *, again: bool) -> Iterator[Run]:
    """Go on in the earlier run, or open one that takes its place."""
    from core_embeddings.config import flatten
    from core_embeddings.tracking import open_run

    goes_on, ends = (earlier, None) if again else (None, earlier)
    with open_run(shop.state.name, WHOLE, run_id=goes_on, replaces=ends) as run:
        run.log_params(flatten(shop.state.settings) | {"seed": shop.state.seed})
        run.set_tags(SEEN)
        yield run
        run.set_tags({"fingerprint": shop.state.fingerprint, "shop": str(shop.root)})


def _nothing() -> StageOutput:
    return StageOutput(())


def summary_payload(summary: FitSummary, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what ``tuwen fit --json`` prints."""
    state = summary.shop.state
    return {
        "shop": str(summary.shop.root),
        "fingerprint": state.fingerprint,
        "skipped": summary.skipped,
        "mlflow_run": state.runs.get(WHOLE, ""),
        "stages": [
            {"stage": s.name, "skipped": s.skipped, "seconds": s.seconds, **s.counts}
            for s in summary.stages
        ],
        "report": rows,
    }
