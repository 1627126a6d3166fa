import threading

import pytest

from core_embeddings.ahead import map_ahead


def test_results_come_in_the_order_of_the_items_whoever_is_done_first():
    gate = threading.Event()

    def slow_first(item):
        if item == 0:
            gate.wait(5)
        else:
            gate.set()
        return item * item

    assert list(map_ahead(slow_first, range(20), workers=3, ahead=6)) == [n * n for n in range(20)]


def test_no_more_items_are_taken_than_ahead_allows():
    taken = []
    items = (taken.append(n) or n for n in range(500))
    stream = map_ahead(lambda item: item, items, workers=2, ahead=5)
    next(stream)
    assert len(taken) <= 5 + 1
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("ahead")]


def test_an_exception_is_raised_in_the_place_of_its_result():
    stream = map_ahead(lambda item: 6 // item, [3, 2, 0, 1], workers=2, ahead=4)
    assert [next(stream), next(stream)] == [2, 3]
    with pytest.raises(ZeroDivisionError, match="zero"):
        next(stream)


def test_no_items_give_no_results():
    assert list(map_ahead(str, [], workers=1, ahead=1)) == []
