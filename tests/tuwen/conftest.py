"""One fit on a small sample, shared by the tests that read it and copied for those that change."""

import shutil
from contextlib import contextmanager

import pytest

from core_embeddings.tracking import NullRun
from tuwen import pipeline
from tuwen.inputs import FitRequest
from tuwen.shop import Shop

TINY = (
    *("backbone=pixels", "image_size=16", "word_vectors=none", "embedding_size=16"),
    *("tower_size=16", "rnn_size=8", "word_size=8", "embedder.epochs=1", "article_epochs=1"),
    *("factors=4", "iterations=2", "classify.heads=['softmax']", "lexical=false"),
)


class Tracker:
    """Stands in for MLflow: remembers runs, children and the ids asked for."""

    def __init__(self, *, child_id=""):
        self.opened, self.children, self.figures, self.child_id = [], [], [], child_id

    @contextmanager
    def open_run(self, experiment, name, *, run_id=None, replaces=None):
        self.opened.append((experiment, name, run_id))
        yield Recorder(self, run_id or f"run-{len(self.opened)}")


class Recorder(NullRun):
    """A run that notes its children."""

    def __init__(self, tracker, run_id):
        self.tracker, self.run_id = tracker, run_id

    @contextmanager
    def child(self, name):
        self.tracker.children.append(name)
        yield Recorder(self.tracker, self.tracker.child_id)

    def log_figure(self, figure, name):
        self.tracker.figures.append(name)


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    from tuwen.sample import write_sample

    folder = tmp_path_factory.mktemp("data") / "sample"
    write_sample(folder, products=60, users=30, seed=0)
    return folder


@pytest.fixture(scope="session")
def request_for(sample):
    """Makes the request of a small fit; ``settings`` come after those that keep it small."""
    tables = {
        name: str(sample / f"{name}.parquet") for name in ("catalogue", "interactions", "queries")
    }

    def make(*settings, **changes):
        return FitRequest(**(tables | {"overrides": (*TINY, *settings)} | changes))

    return make


@pytest.fixture(scope="session")
def fitted(request_for, tmp_path_factory):
    """One fit shared by the reading tests, with its tracker."""
    tracker = Tracker(child_id="child")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core_embeddings.tracking.open_run", tracker.open_run)
        summary = pipeline.fit(request_for(), tmp_path_factory.mktemp("out") / "shop")
    return summary, tracker


@pytest.fixture
def tracker(monkeypatch):
    """In MLflow's place for the length of a test."""
    tracker = Tracker()
    monkeypatch.setattr("core_embeddings.tracking.open_run", tracker.open_run)
    return tracker


@pytest.fixture
def shop(fitted, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(fitted[0].shop.root, tmp_path / "copy")
    return Shop.open(tmp_path / "copy")
