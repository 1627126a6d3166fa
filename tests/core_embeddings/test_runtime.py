import threading

import pytest
import torch

from core_embeddings.errors import ConfigError
from core_embeddings.runtime import Runtime, available_cores, torch_threads


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"engine": "tensorrt"},
            r"embedder\.engine, or \$TUWEN_ENGINE, must be one of auto, torch, openvino; got",
        ),
        ({"precision": "int8"}, r"\$TUWEN_PRECISION, must be one of auto, float32, bfloat16; got"),
        ({"workers": -1}, "runtime.workers must be at least 0; got -1"),
    ],
)
def test_a_value_out_of_range_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Runtime(**values)


def test_the_environment_wins_over_the_settings(monkeypatch):
    monkeypatch.setenv("TUWEN_ENGINE", "openvino")
    monkeypatch.delenv("TUWEN_PRECISION")
    assert Runtime.chosen("torch", "bfloat16") == Runtime("openvino", "bfloat16")
    monkeypatch.setenv("TUWEN_ENGINE", "fast")
    with pytest.raises(ConfigError, match=r"embedder\.engine"):
        Runtime.chosen()


def test_an_empty_variable_says_nothing(monkeypatch):
    monkeypatch.setenv("TUWEN_ENGINE", "")
    monkeypatch.setenv("TUWEN_PRECISION", "")
    assert Runtime.chosen("torch", "bfloat16") == Runtime("torch", "bfloat16")


def test_zero_workers_mean_one_per_core():
    assert Runtime().threads == available_cores() >= 1
    assert Runtime(workers=3).threads == 3


def test_torch_gets_its_threads_back_even_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="stop"), torch_threads(before + 1):
        inside = [torch.get_num_threads()]
        thread = threading.Thread(target=lambda: inside.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert inside == [before + 1] * 2
        raise RuntimeError("stop")
    assert torch.get_num_threads() == before
