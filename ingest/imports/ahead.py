"""Work that goes on while something else is done with what is there: parsing, joining and writing share both
processors."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD_MAX = 1  # items that wait to be taken: blocks are large
AT_ONCE = 2


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order; what the iterator raises is raised here, after the items before it."""
    waiting: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(AHEAD_MAX)
    stop = threading.Event()

    def put(item: T | None, error: BaseException | None) -> None:
        while not stop.is_set():
            try:
                waiting.put((item, error), timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put(item, None)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001  raised again by who takes the items
            put(None, error)
        else:
            put(None, StopIteration())

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        worker.join()


def in_order(items: Iterable[T], make: Callable[[T], R]) -> Iterator[R]:
    """What is made of each item, in their order, by threads; AT_ONCE are being made, as many at most wait to be
    taken."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(make, item))
                if len(waiting) > AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
