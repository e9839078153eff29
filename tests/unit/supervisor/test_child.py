"""A child process: its deaths are noticed, told in a sentence, and mended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil

from pbx_core.parent import SUPERVISOR
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


_SUPERVISOR = """
import sys, time
from pathlib import Path
from pbx_core.settings import load
from pbx_core.supervisor.child import Child
from pbx_core.supervisor.plan import ProcessSpec
child = Child(ProcessSpec("probe", ("up",), 0), load(Path(sys.argv[1])), {})
child.start()
print(child.pid, flush=True)
time.sleep(120)
"""


def test_a_child_ends_when_its_supervisor_is_killed(settings: Settings) -> None:
    environment = {**os.environ, **free_settings(settings.data)}
    command = [sys.executable, "-c", _SUPERVISOR, str(settings.data)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        until(lambda: (settings.data / "up.lock").exists(), 20, what="the child at work")
        supervisor.kill()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 60)


def test_a_child_whose_supervisor_died_before_it_was_there_does_nothing(settings: Settings) -> None:
    command = [sys.executable, "-m", "pbx_core.cli", "--data", str(settings.data), "up"]
    another = {**os.environ, SUPERVISOR: "1"}
    done = subprocess.run(command, env=another, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr == "callbench: Whoever started this process is gone; it ends, too.\n"
    assert not settings.data.exists()


def test_a_child_that_nobody_needs_any_more_ends_without_a_word_and_is_not_started_again(settings: Settings) -> None:
    spec = ProcessSpec("probe", ("--help",), 0, on_demand=True)
    child = Child(spec, settings, free_settings(settings.data))
    child.start()
    until(lambda: child.tend() or child.done, 20, what="its end")
    assert child.done and child.tend() is None and not child.running and child.restarts == 0
