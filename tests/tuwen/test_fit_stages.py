"""Single stages of a fit, without the others."""

import pandas as pd

from core_embeddings.run import NullRun
from tuwen.fit_stages import ARTICLE, FitStages
from tuwen.settings import FitConfig
from tuwen.shop import Shop


def test_without_pictures_the_articles_network_is_not_trained_and_an_older_one_goes(
    request_for, tmp_path, monkeypatch
):
    shop = Shop.create(tmp_path / "shop")
    shop.path(ARTICLE).mkdir()
    work = FitStages(shop, FitConfig(), request_for(), NullRun())
    work.__dict__["products"] = pd.DataFrame({"image": [(), ()]})
    monkeypatch.setattr(FitStages, "_train", lambda *args: 1 / 0)
    assert work.run_article(NullRun()).outputs == ()
    assert not shop.path(ARTICLE).exists()
