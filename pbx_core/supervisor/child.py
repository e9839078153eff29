"""One child process: started with its own log file, ended with its parent, its deaths remembered."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

from pbx_core.parent import SUPERVISOR
from pbx_core.settings import Settings
from pbx_core.supervisor.plan import ProcessSpec, restart_delay_s

LOG_BYTES_MAX = 10 * 1024 * 1024  # a larger log is moved to .1 when the process starts
LIFETIMES_KEPT = 8


class Child:
    """A supervised process. Times are monotonic seconds."""

    def __init__(self, spec: ProcessSpec, settings: Settings, environment: dict[str, str]) -> None:
        self.spec = spec
        self._environment = {**os.environ, **environment, SUPERVISOR: str(os.getpid())}
        self._data = settings.data
        self.log_file = settings.logs_dir / f"{spec.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._restart_at = 0.0
        self._log_start = 0
        self._lifetimes: deque[float] = deque(maxlen=LIFETIMES_KEPT)
        self.restarts = 0
        self.done = False  # it ended because it was not needed any more

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; its output is appended to its log file."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES_MAX:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pbx_core.cli", "--data", str(self._data), *self.spec.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # a Ctrl-C on the terminal reaches the supervisor only; it stops in order
            )
        self._started = time.monotonic()

    def tend(self) -> str | None:
        """Call often: notes a death, starts again when it is time. Returns a sentence when it has just died."""
        if self._process is None:
            if not self.done and time.monotonic() >= self._restart_at:
                self.restarts += 1
                self.start()
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._process = None
        self.done = self.spec.on_demand and code == 0
        if self.done:
            return None
        self._lifetimes.append(time.monotonic() - self._started)
        delay_s = restart_delay_s(self._lifetimes)
        self._restart_at = time.monotonic() + delay_s
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"{self.spec.name} {how}; starting again in {delay_s:g} s.{self._last_words()}"

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait_or_kill(self, deadline: float) -> bool:
        """Wait until the deadline, then kill. True when it had ended by itself."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
            return True
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False

    def _last_words(self) -> str:
        """The sentence an expected error left in the log of this start, with a space in front, or nothing."""
        lines = _tail(self.log_file, self._log_start)
        said = [line for line in lines if line.startswith("callbench: ")]
        return f" It said: {said[-1].removeprefix('callbench: ')}" if said else f" Its log: {self.log_file}"


def _tail(path: Path, start: int, bytes_max: int = 4096) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(start, path.stat().st_size - bytes_max))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
