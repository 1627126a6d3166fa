import sys

from core_embeddings.installed import LITE0_PACKAGE, is_installed, missing_weights


def test_a_module_is_installed_when_it_could_be_imported(monkeypatch):
    assert is_installed("json") and not is_installed("no_module_of_this_name")
    monkeypatch.setitem(sys.modules, "json", None)
    assert not is_installed("json")
    monkeypatch.setitem(sys.modules, "json", object())
    assert not is_installed("json")


def test_blocked_weights_are_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, LITE0_PACKAGE, None)
    assert LITE0_PACKAGE in missing_weights()
