"""A child process: its deaths are noticed, told in a sentence, and mended."""

from __future__ import annotations

import os
import signal
import time

from pbx_core.settings import Settings
from pbx_core.supervisor.child import Child
from pbx_core.supervisor.plan import ProcessSpec
from tests.support.system import free_settings
from tests.support.waiting import until


def _child(settings: Settings, *arguments: str) -> Child:
    return Child(ProcessSpec("probe", arguments, 0), settings, free_settings(settings.data))


def test_a_death_by_an_expected_error_is_told_with_its_own_words(settings: Settings) -> None:
    child = _child(settings, "status")  # there is no database yet
    child.start()
    sentence = until(child.tend, 20, what="the child's death")
    assert "probe ended with code 1" in sentence
    assert "There is no database" in sentence


def test_a_killed_child_is_started_again(settings: Settings) -> None:
    child = _child(settings, "up")
    child.start()
    try:
        first = until(lambda: child.pid)
        until(lambda: (settings.data / "up.lock").exists(), 20, what="the child at work")
        os.kill(first, signal.SIGKILL)
        assert "killed by SIGKILL" in until(child.tend, 10, what="the death")
        until(lambda: child.tend() or (child.running and child.pid != first), 10, what="the successor")
        assert child.restarts == 1
    finally:
        child.terminate()
        child.wait_or_kill(time.monotonic() + 30)


def test_a_child_that_does_not_end_is_killed(settings: Settings) -> None:
    child = _child(settings, "up")
    child.start()
    until(lambda: (settings.data / "up.lock").exists(), 20, what="the child at work")
    os.kill(child.pid or 0, signal.SIGSTOP)
    child.terminate()
    assert not child.wait_or_kill(time.monotonic() + 0.2)
    assert not child.running


def test_a_child_that_nobody_needs_any_more_ends_without_a_word_and_is_not_started_again(settings: Settings) -> None:
    spec = ProcessSpec("probe", ("--help",), 0, on_demand=True)
    child = Child(spec, settings, free_settings(settings.data))
    child.start()
    until(lambda: child.tend() or child.done, 20, what="its end")
    assert child.done and child.tend() is None and not child.running and child.restarts == 0
