"""A map that works ahead in threads, in order, a bounded number of steps: nothing piles up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_ahead(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int, name: str = "ahead"
) -> Iterator[R]:
    """Yield ``function(item)`` in the order of the items while threads work on the next ones.

    What a call raises is raised here, in the place of its result; the rest is as of
    `started_ahead`.
    """
    for call in started_ahead(function, items, workers=workers, ahead=ahead, name=name):
        yield call.result()


def started_ahead(
    function: Callable[[T], R], items: Iterable[T], *, workers: int, ahead: int, name: str = "ahead"
) -> Iterator[Future[R]]:
    """Yield the calls ``function(item)`` in the order of the items, under way or done.

    Parameters
    ----------
    function
        Called in a thread.
    items
        Taken one by one, never more than ``ahead`` before the call that is asked for.
    workers
        Threads, at least 1.
    ahead
        Calls under way or done and not yet asked for, at least 1: bounds memory however slow the
        consumer is.
    name
        How the threads are called.
    """
    waiting = iter(items)
    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix=name)
    under_way: deque[Future[R]] = deque()
    try:
        under_way.extend(pool.submit(function, item) for item in islice(waiting, max(1, ahead)))
        while under_way:
            call = under_way.popleft()
            under_way.extend(pool.submit(function, item) for item in islice(waiting, 1))
            yield call
    finally:
        # Either all calls were handed over, or the caller wants no more of them.
        pool.shutdown(wait=True, cancel_futures=bool(under_way))
