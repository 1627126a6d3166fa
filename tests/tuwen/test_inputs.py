"""The digest of a fit's inputs."""

import pandas as pd
import pytest

from tuwen.inputs import FitRequest, named_files
from tuwen.loading import TableOptions
from tuwen.pipeline import stage_digests
from tuwen.settings import FitConfig


def test_an_image_name_that_no_file_can_have_is_no_error_but_counts(tmp_path):
    digests = set()
    for name in ("a\0b.png", "x" * 5000, "absent.png"):
        frame = pd.DataFrame({"product_id": ["1"], "title": ["red"], "image": [name]})
        frame.to_parquet(tmp_path / "c.parquet")
        digests.add(FitRequest(str(tmp_path / "c.parquet")).digest())
    assert len(digests) == 3


def test_a_changed_picture_changes_the_digest_though_image_is_mapped_for_another_table(tmp_path):
    (tmp_path / "c.csv").write_text("product_id,image\n1,a.png\n")
    (tmp_path / "a.png").write_bytes(b"1")
    options = TableOptions(columns={"image": "photo"})
    request = FitRequest(str(tmp_path / "c.csv"), options=options)
    before = request.digest()
    (tmp_path / "a.png").write_bytes(b"22")
    assert request.digest() != before


def test_weights_installed_since_the_last_fit_make_it_another_fit(tmp_path, monkeypatch):
    pd.DataFrame({"product_id": ["1"], "title": ["red"]}).to_csv(tmp_path / "c.csv", index=False)
    request, config = FitRequest(str(tmp_path / "c.csv")), FitConfig()
    found = {"inputs": [], "pipeline": []}
    for absent in (["some_weights"], []):
        for module in found:
            monkeypatch.setattr(f"tuwen.{module}.missing_weights", lambda absent=absent: absent)
        found["inputs"].append(request.digest())
        found["pipeline"].append(stage_digests(config, request))
    before, after = found["pipeline"]
    assert found["inputs"][0] != found["inputs"][1]
    assert {name for name in before if before[name] == after[name]} == {"read", "article"}


@pytest.mark.parametrize("inside", [False, True], ids=["a file", "a folder that holds it"])
def test_weights_replaced_under_their_old_name_make_it_another_fit(tmp_path, inside):
    pd.DataFrame({"product_id": ["1"], "title": ["red"]}).to_csv(tmp_path / "c.csv", index=False)
    (tmp_path / "weights").mkdir()
    file = tmp_path / "weights" / "resnet18.safetensors"
    file.write_bytes(b"1")
    named = file.parent if inside else file
    request = FitRequest(str(tmp_path / "c.csv"), overrides=(f"embedder.weights={named}",))
    config = FitConfig.from_settings({"embedder": {"backbone": "resnet18", "weights": str(named)}})
    before = request.digest(), stage_digests(config, request)["embedder"]
    file.write_bytes(b"22")
    after = request.digest(), stage_digests(config, request)["embedder"]
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_setting_that_no_file_can_be_called_is_no_error():
    assert named_files(["x" * 5000, "a\0b", "", 3, None]) == []
