"""What each stage of a fit does. Products of the test split are measured on, never learned from."""

from __future__ import annotations

import shutil
from functools import cached_property

import pandas as pd

from core_embeddings.columns import Columns
from core_embeddings.embedder import FusionEmbedder, Views
from core_embeddings.embedder_config import EmbedderConfig
from core_embeddings.embedding import embed_to_file
from core_embeddings.errors import TableError
from core_embeddings.feature_cache import feature_cache_folder
from core_embeddings.run import NullRun, Run
from core_embeddings.splits import split_products
from core_embeddings.tables import (
    Loaded,
    LoadedQueries,
    read_catalogue,
    read_interactions,
    read_queries,
    taggable_fields,
    write_table,
)
from recommend.hybrid import HybridRecommender
from tuwen import evaluation, fit_figures
from tuwen.changes import REJECTS
from tuwen.corrections import said
from tuwen.fit_logging import report_metrics, without_people
from tuwen.inputs import FitRequest
from tuwen.loading import Note, settle_rejects, silent
from tuwen.models import log_models
from tuwen.pipeline import has_article
from tuwen.progress import LineProgress
from tuwen.report import join, write_report
from tuwen.session import records
from tuwen.settings import FitConfig
from tuwen.shop import VECTORS, Shop
from tuwen.stages import StageOutput
from tuwen.tagging import tagger_views
from tuwen.training_period import training_period

ARTICLE = "article"


class FitStages:
    """One method ``run_<stage>`` per stage; they share what they load.

    Parameters
    ----------
    shop
        Where everything goes.
    config
        Settings.
    request
        Tables.
    run
        Of the whole fit: gets what is worth seeing first. Each stage has one of its own besides.
    note
        Told how far the work is.
    """

    def __init__(
        self,
        shop: Shop,
        config: FitConfig,
        request: FitRequest,
        run: Run,
        *,
        note: Note = silent,
    ) -> None:
        self.shop = shop
        self.config = config
        self.request = request
        self.run = run
        self.note = note

    # -- shared, loaded when first asked for ---------------------------------------------------

    @cached_property
    def products(self) -> pd.DataFrame:
        """The shop's catalogue, with its split."""
        return self.shop.catalogue()

    @cached_property
    def fields(self) -> list[str]:
        """What can be tagged, told by the train rows alone."""
        return taggable_fields(self.products[self.products[Columns.SPLIT] == "train"])

    @cached_property
    def embedder(self) -> FusionEmbedder:
        """The shop's embedder."""
        return self.shop.embedder()

    @cached_property
    def views(self) -> Views:
        """What the embedder sees of every product."""
        return self.embedder.views(self.products)

    @cached_property
    def log(self) -> pd.DataFrame:
        """The interactions with known products."""
        return self._read_log(self.products).rows

    # -- stages --------------------------------------------------------------------------------

    def run_read(self, run: Run) -> StageOutput:
        """Read and split the catalogue, keep what was rejected."""
        request, split = self.request, self.config.split
        loaded = read_catalogue(
            request.catalogue,
            images=request.options.images,
            columns=request.options.columns,
            allow_url_images=request.options.allow_url_images,
            max_pixels=request.options.max_pixels,
            cache_folder=feature_cache_folder(),
            progress=LineProgress(self.note, "pictures checked"),
        )
        rejects = [loaded.rejects]
        if loaded.rows.empty:
            raise TableError(
                f"{request.catalogue} holds no usable product; run: tuwen check {request.catalogue}"
            )
        final = self.shop.corrections().final()  # what humans corrected stays so
        products = said(loaded.rows.sort_values(Columns.PRODUCT, ignore_index=True), final)
        shares = (split.train, split.val, split.test)
        products[Columns.SPLIT] = split_products(products, seed=request.seed, fractions=shares)
        if request.interactions is not None:
            rejects.append(self._read_log(products).rejects)
        every = pd.concat(rejects, ignore_index=True)
        settle_rejects(every, request.options, what=request.catalogue, note=self.note)
        folder = self.shop.write_products(products, fitted=self.shop.state.version)
        write_table(every, self.shop.path(REJECTS))
        self.__dict__["products"] = products
        told = [rejects[0], *map(without_people, rejects[1:])]
        self.run.log_table(pd.concat(told, ignore_index=True), "rejects")
        counts = {"products": len(products), "rejected": len(every), "corrected": len(final)}
        return StageOutput((folder.name, REJECTS), counts)

    def run_features(self, run: Run) -> StageOutput:
        """Compute the frozen features of every picture, kept by its digest."""
        from core_embeddings.embedder_store import saved_spec
        from core_embeddings.embedder_training import resolve
        from core_embeddings.frozen_features import FrozenFeatures

        config = resolve(self.config.embedder)
        spec = saved_spec(config)
        if spec.kind == "pixels":
            return StageOutput((), {"pictures": 0})
        frozen = FrozenFeatures.with_cache(spec, feature_cache_folder(), runtime=config.runtime)
        paths, digests = (
            [item for cell in self.products[name] for item in cell]
            for name in (Columns.IMAGE, Columns.IMAGE_DIGEST)
        )
        progress = LineProgress(self.note, "pictures through the frozen CNN")
        frozen.fill_cache(paths, digests, progress=progress)
        return StageOutput((), {"pictures": len(set(digests))})

    def run_embedder(self, run: Run) -> StageOutput:
        """Train the shop's embedder."""
        trained = self._train(self.config.embedder, "embedder", run)
        self.shop.update(fingerprint=trained.fingerprint)
        self.__dict__["embedder"] = self.shop.embedder()
        return StageOutput(("embedder",), {"embedding_size": trained.embedding_size})

    def run_vectors(self, run: Run) -> StageOutput:
        """Embed every product."""
        path = self.shop.products_folder() / VECTORS
        count = embed_to_file(self.embedder, self.products, path)
        return StageOutput((str(path.relative_to(self.shop.root)),), {"products": count})

    def run_taggers(self, run: Run) -> StageOutput:
        """Fit one tagger per field."""
        from classify.taggers import TaggerSet

        taggers = TaggerSet.fit(
            tagger_views(self.views),
            self.products,
            fields=self.fields,
            split=self.products[Columns.SPLIT],
            has_image=self.views.has_image,
            has_text=self.views.has_text,
            config=self.config.classify,
            seed=self.request.seed,
            run=run,
        )
        state = self.shop.update(taggers=self.shop.write_taggers(taggers))
        return StageOutput((state.taggers,), {"fields": len(taggers.fields)})

    def run_recommender(self, run: Run) -> StageOutput:
        """Fit the served recommender on every interaction."""
        model = self._fit_recommender(self.log, run)
        model.save_pretrained(self.shop.path("recommender"), self.embedder.fingerprint)
        counts = {"users": len(model.user_ids), "interactions": len(self.log)}
        return StageOutput(("recommender",), counts)

    def run_article(self, run: Run) -> StageOutput:
        """Train the article's own network on the same rows, for the report; it needs pictures."""
        if not self.products[Columns.IMAGE].map(bool).any():
            shutil.rmtree(self.shop.path(ARTICLE), ignore_errors=True)  # of an earlier fit
            return StageOutput(())
        settings = {"epochs": self.config.baseline.article_epochs}
        self._train(EmbedderConfig.for_preset("article", **settings), ARTICLE, run)
        return StageOutput((ARTICLE,))

    def run_evaluate(self, run: Run) -> StageOutput:
        """Measure every job on held-out rows, beside its baselines."""
        embedders = {evaluation.OURS: self.embedder}
        if has_article(self.config) and self.shop.path(ARTICLE).exists():
            embedders[evaluation.ARTICLE] = FusionEmbedder.from_pretrained(self.shop.path(ARTICLE))
        held_out = self.products[self.products[Columns.SPLIT] == "test"].reset_index(drop=True)
        k = self.config.baseline.report_k
        parts = [
            evaluation.evaluate_pairs(embedders, self.products, seed=self.request.seed),
            evaluation.evaluate_match(embedders, self.products),
        ]
        if self.request.queries is not None and len(held_out):
            parts.append(evaluation.evaluate_search(embedders, held_out, self._queries(), k))
        split = self.products[Columns.SPLIT].to_numpy(dtype=object)
        taggers = self.shop.taggers()
        parts.append(evaluation.evaluate_tags(taggers, self.views, self.products, split))
        if self.request.interactions is not None:
            parts.append(self._evaluate_lists(self.config.baseline.list_k))
        report = join(parts)
        write_report(report, self.shop.root)
        run.log_metrics(report_metrics(records(report)))
        self.run.log_table(report, "report")
        if run.run_id:  # pictures take seconds: only where they are kept
            fit_figures.log_report_figures(self.run, report)
            fit_figures.log_tag_figures(self.run, taggers, self.views, self.products)
            fit_figures.log_space_figures(
                self.run, self.products, self.views, seed=self.request.seed
            )
        return StageOutput(("report.json", "report.parquet"), {"rows": len(report)})

    def run_models(self, run: Run) -> StageOutput:
        """Log what was fitted, so that it can be served from the tracking store."""
        return StageOutput((), {"models": len(log_models(self.run, self.shop))})

    # -- parts of stages -----------------------------------------------------------------------

    def _train(self, config: EmbedderConfig, name: str, run: Run) -> FusionEmbedder:
        """Train an embedder on train products, stopped by val products; go on where it stopped."""
        checkpoint = self.shop.path("work", f"{name}.checkpoint")
        checkpoint.parent.mkdir(exist_ok=True)
        learns = config.co_purchase > 0 and self.request.interactions is not None
        trained = FusionEmbedder.train(
            self.products,
            split=self.products[Columns.SPLIT],
            fields=sorted(self.fields),  # the order of columns is no setting
            config=config,
            seed=self.request.seed,
            cache_folder=feature_cache_folder(),
            checkpoint=checkpoint,
            together=training_period(self.log, self.config.split) if learns else None,
            run=run,
            progress=LineProgress(self.note).named,
        )
        trained.save_pretrained(self.shop.path(name))
        fit_figures.log_training_figure(run, name, onto=self.run)
        shutil.rmtree(checkpoint.parent)
        return trained

    def _fit_recommender(self, log: pd.DataFrame, run: Run) -> HybridRecommender:
        table = self.shop.vectors()
        return HybridRecommender(self.config.recommend, seed=self.request.seed).fit(
            log, product_ids=table.product_ids, vectors=table.vectors, run=run
        )

    def _evaluate_lists(self, k: int) -> pd.DataFrame:
        """Measure lists made from what was known before a time cut on what came after it."""
        split = self.config.split
        return evaluation.evaluate_recent(
            self.log,
            self.shop.vectors(),
            lambda train: self._fit_recommender(train, NullRun()),
            first_day=split.recent_from,
            share=split.recent,
            k=k,
        )

    def _read_log(self, products: pd.DataFrame) -> Loaded:
        path = self.request.interactions
        if path is None:
            raise ValueError("this fit has no interactions")
        known = set(products[Columns.PRODUCT])
        return read_interactions(path, known_products=known, columns=self.request.options.columns)

    def _queries(self) -> LoadedQueries:
        path, options = self.request.queries, self.request.options
        if path is None:
            raise ValueError("this fit has no queries")
        return read_queries(
            path,
            images=options.images,
            columns=options.columns,
            allow_url_images=options.allow_url_images,
        )
