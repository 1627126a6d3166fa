import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core_embeddings.errors import ArtefactError, ConfigError
from core_embeddings.feature_cache import FeatureCache, default_cache_folder

NUMBERS = st.sampled_from(["<f2", "<f4", "<f8", "|u1", "<i8", ">f4"])


def test_get_many_after_put_many_gives_the_same_arrays_and_leaves_out_the_unknown(tmp_path):
    cache = FeatureCache(tmp_path, "key")
    stored = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.array(3, dtype=np.int64)}
    cache.put_many(stored)
    found = cache.get_many(["b", "unknown", "a", "a"])
    assert set(found) == {"a", "b"}
    for digest, array in stored.items():
        assert found[digest].dtype == array.dtype
        np.testing.assert_array_equal(found[digest], array)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_array_of_numbers_survives_storage(tmp_path, data):
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    array = data.draw(arrays.arrays(np.dtype(data.draw(NUMBERS)), shape))
    cache = FeatureCache(tmp_path, "laws")
    cache.put_many({"x": array})
    found = cache.get_many(["x"])["x"]
    assert found.shape == array.shape
    assert found.dtype == array.dtype.newbyteorder("<")
    np.testing.assert_array_equal(found, array)


def test_found_arrays_can_be_written_to(tmp_path):
    cache = FeatureCache(tmp_path, "key")
    cache.put_many({"a": np.zeros(3, dtype=np.float32)})
    found = cache.get_many(["a"])["a"]
    found += 1
    assert cache.get_many(["a"])["a"].sum() == 0


def test_put_many_again_replaces_and_len_counts_digests(tmp_path):
    cache = FeatureCache(tmp_path, "key")
    cache.put_many({"a": np.zeros(2), "b": np.zeros(2)})
    cache.put_many({"a": np.ones(2)})
    assert len(cache) == 2
    np.testing.assert_array_equal(cache.get_many(["a"])["a"], np.ones(2))


def test_more_digests_than_one_query_takes_are_all_found(tmp_path):
    cache = FeatureCache(tmp_path, "key")
    cache.put_many({f"d{number}": np.array([number]) for number in range(1203)})
    found = cache.get_many([f"d{number}" for number in range(1203)])
    assert [int(found[f"d{number}"][0]) for number in range(1203)] == list(range(1203))


def test_two_keys_in_one_folder_never_meet(tmp_path):
    FeatureCache(tmp_path, "one").put_many({"a": np.zeros(2)})
    assert FeatureCache(tmp_path, "two").get_many(["a"]) == {}


def test_threads_with_their_own_caches_on_one_new_file_lose_nothing(tmp_path):
    def work(number: int) -> None:
        FeatureCache(tmp_path, "shared").put_many({f"d{number}": np.array([number])})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))
    assert len(FeatureCache(tmp_path, "shared")) == 24
    assert list(tmp_path.glob("*.damaged-*")) == []


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 500]
)
def test_a_file_that_is_no_database_is_moved_aside_and_rebuilt(tmp_path, content):
    (tmp_path / "key.sqlite").write_bytes(content)
    with pytest.warns(RuntimeWarning, match="damaged or not ours"):
        cache = FeatureCache(tmp_path, "key")
    cache.put_many({"a": np.ones(1)})
    assert len(cache) == 1
    assert (tmp_path / "key.sqlite.damaged-1").read_bytes() == content


def test_a_database_of_another_program_is_kept_aside_unharmed(tmp_path):
    with sqlite3.connect(tmp_path / "key.sqlite") as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()
    with pytest.warns(RuntimeWarning, match="application 0x0"):
        assert len(FeatureCache(tmp_path, "key")) == 0
    kept = sqlite3.connect(tmp_path / "key.sqlite.damaged-1")
    assert kept.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    kept.close()


def test_a_file_torn_while_in_use_is_rebuilt_at_the_next_call(tmp_path):
    cache = FeatureCache(tmp_path, "key")
    cache.put_many({f"d{number}": np.zeros(400) for number in range(50)})
    whole = cache.path.read_bytes()
    cache.path.write_bytes(whole[: len(whole) // 3])
    with pytest.warns(RuntimeWarning, match="moved to"):
        cache.get_many([f"d{number}" for number in range(50)])
    cache.put_many({"new": np.ones(1)})
    assert set(cache.get_many(["new", "d0"])) == {"new"}


@pytest.mark.parametrize(
    ("column", "value"),
    [("dtype", "|O"), ("dtype", "<f8"), ("shape", "3,x"), ("shape", "9"), ("data", None)],
)
def test_a_row_that_does_not_add_up_counts_as_absent(tmp_path, column, value):
    cache = FeatureCache(tmp_path, "key")
    cache.put_many({"bad": np.zeros(3, dtype=np.float32), "good": np.zeros(3, dtype=np.float32)})
    with sqlite3.connect(cache.path) as connection:
        connection.execute(f"UPDATE features SET {column} = ? WHERE digest = 'bad'", (value,))
    connection.close()
    assert set(cache.get_many(["bad", "good"])) == {"good"}


def test_arrays_of_objects_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="stores numbers; got an array of object"):
        FeatureCache(tmp_path, "key").put_many({"a": np.array(["x"], dtype=object)})


@pytest.mark.parametrize("key", ["", "../up", "a/b", "a.b"])
def test_a_key_that_is_no_file_name_is_refused(tmp_path, key):
    with pytest.raises(ConfigError, match="cache key has letters"):
        FeatureCache(tmp_path, key)


def test_a_folder_that_cannot_be_made_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtefactError, match="set TUWEN_CACHE"):
        FeatureCache(tmp_path / "file", "key")


def test_default_folder_prefers_tuwen_cache_then_xdg_then_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared")
    monkeypatch.setenv("TUWEN_CACHE", "/own")
    assert default_cache_folder() == Path("/own")
    monkeypatch.delenv("TUWEN_CACHE")
    assert default_cache_folder() == Path("/shared/tuwen")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_folder() == Path("/home/someone/.cache/tuwen")
