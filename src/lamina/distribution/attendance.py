"""Attendance of several processes: one that is late or has died is named, and all of them end.

Process 0 listens on the port after the coordinator's. Each other process keeps a connection to it,
on which both send lines of JSON:

    process -> 0    {"process": 1, "begun": 12, "ended": false}     every second
    0 -> process    {"come": true} once all have come; {"failed": "process 1 ..."}; {"ended": true}

`begun` counts the programs that all processes compute together. A process that waits in one of them
cannot be interrupted, so its watching thread prints the message and ends it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from lamina.errors import StateError

INTERVAL = 1.0  # seconds between two signs of a process
GRACE = 2.0  # seconds for programs that a process has begun just before another one ended


@dataclass
class Record:
    """The last sign of a process: its time, and how many common programs it has begun."""

    seen: float
    begun: int = 0
    ended: bool = False
    closed: bool = False


class Register:
    """The records of all processes, kept by process 0."""

    def __init__(self, count: int, timeout: float) -> None:
        self.count, self.timeout = count, timeout
        self.records: dict[int, Record] = {}
        self._most, self._reached = 0, 0.0  # programs begun by the first process, and when

    def note(self, process: int, now: float, begun: int = 0, ended: bool = False) -> None:
        """Note a sign of a process."""
        self.records[process] = Record(now, begun, ended)
        if begun > self._most:
            self._most, self._reached = begun, now

    def missing(self) -> list[int]:
        """The processes that have not come."""
        return [k for k in range(self.count) if k not in self.records]

    def failure(self, now: float) -> str | None:
        """The failure of the first process that is late or has died; None without one."""
        waiting = now - self._reached
        for process, record in sorted(self.records.items()):
            behind = record.begun < self._most
            if record.closed and not record.ended:
                return f"process {process} has died"
            if record.ended and behind and waiting > GRACE:
                return (
                    f"process {process} has ended after {record.begun} programs, and others have "
                    f"begun number {self._most}"
                )
            if record.ended:
                continue
            if now - record.seen > self.timeout:
                return f"process {process} no longer answers ({self.timeout:g} s without a sign)"
            if behind and waiting > self.timeout:
                return (
                    f"process {process} is late: it has begun {record.begun} programs, and others "
                    f"have waited for {self.timeout:g} s in number {self._most}"
                )
        return None


def named(processes: list[int]) -> str:
    """ "process 1", or "processes 1, 2"."""
    return f"process{'es' if len(processes) > 1 else ''} {', '.join(map(str, processes))}"


class Attendance:
    """The attendance of this process among `count`; `begun` tells how many common programs it has
    begun. Raises StateError if not all come within `timeout` seconds."""

    def __init__(
        self, address: tuple[str, int], count: int, process: int, timeout: float,
        begun: Callable[[], int],
    ) -> None:  # fmt: skip
        self.process, self.timeout, self._begun = process, timeout, begun
        self._register = Register(count, timeout)
        self._connections: list[socket.socket] = []
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._over = False
        deadline = time.monotonic() + timeout
        if process == 0:
            self._receive(address, deadline)
            self._start(self._watch)
        else:
            self._come(address, deadline)
            self._start(self._report)
            self._start(self._listen)

    def end(self) -> None:
        """Tell the others that this process ends by itself."""
        self._over = True
        message = {"ended": True} if self.process == 0 else self._sign(ended=True)
        self._send(message)

    def _start(self, run: Callable[[], None]) -> None:
        threading.Thread(target=run, name="lamina-attendance", daemon=True).start()

    # ---- process 0 -----------------------------------------------------------------------------
    def _receive(self, address: tuple[str, int], deadline: float) -> None:
        """Wait for all others."""
        register = self._register
        register.note(0, time.monotonic())
        with socket.create_server(("", address[1])) as server:
            server.settimeout(0.05)
            while missing := register.missing():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    if time.monotonic() < deadline:
                        continue
                    message = f"{named(missing)} of {register.count} did not come"
                    self._send({"failed": message})
                    raise self._absent(message) from None
                self._connections.append(connection)
                self._start(partial(self._follow, connection))
        self._send({"come": True})

    def _follow(self, connection: socket.socket) -> None:
        """Note the signs of one process."""
        process = None
        with connection:
            for sign in _lines(connection):
                process = int(sign.get("process", -1))
                if not 0 < process < self._register.count:
                    return  # not one of them
                with self._lock:
                    self._register.note(process, time.monotonic(), sign["begun"], sign["ended"])
        if process is not None:
            with self._lock:
                self._register.records[process].closed = True

    def _watch(self) -> None:
        while not self._over:
            time.sleep(INTERVAL / 4)
            now = time.monotonic()
            with self._lock:
                self._register.note(0, now, self._begun())
                failure = self._register.failure(now)
            if failure and not self._over:
                self._send({"failed": failure})
                self._stop(failure)

    # ---- the others ----------------------------------------------------------------------------
    def _come(self, address: tuple[str, int], deadline: float) -> None:
        """Connect to process 0, and wait until all have come."""
        while True:
            try:
                connection = socket.create_connection(address, timeout=1.0)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise self._absent("process 0 did not come") from None
                time.sleep(0.1)
        self._connections.append(connection)
        self._send(self._sign())
        connection.settimeout(max(1.0, deadline - time.monotonic() + GRACE))
        self._messages = _lines(connection)
        answer = next(self._messages, {"failed": "process 0 has died"})
        if "failed" in answer:
            raise self._absent(answer["failed"])
        connection.settimeout(None)

    def _absent(self, message: str) -> StateError:
        for connection in self._connections:
            connection.close()
        return StateError(
            f"initialize: {message} within {self.timeout:g} s",
            hint="are all processes started, and is the coordinator's address (and the port after "
            "it) reachable from each host? initialize(timeout=...) waits for longer",
        )

    def _report(self) -> None:
        while not self._over:
            self._send(self._sign())
            time.sleep(INTERVAL)

    def _listen(self) -> None:
        with self._connections[0]:
            for message in self._messages:
                if "failed" in message and not self._over:
                    self._stop(message["failed"])
                if "ended" in message:
                    return
        if not self._over:
            self._stop("process 0 has died")

    # ---- both ----------------------------------------------------------------------------------
    def _sign(self, ended: bool = False) -> dict[str, Any]:
        return {"process": self.process, "begun": self._begun(), "ended": ended}

    def _send(self, message: dict[str, Any]) -> None:
        data = (json.dumps(message) + "\n").encode()
        with self._sending:
            for connection in self._connections:
                try:
                    connection.sendall(data)
                except OSError:  # of a process that has ended
                    continue

    def _stop(self, failure: str) -> None:
        """End this process, whose main thread may wait for ever."""
        print(f"lamina: process {self.process} ends, because {failure}", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def _lines(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """The messages of a connection until it is closed."""
    with connection.makefile("r", encoding="utf-8") as lines:
        try:
            for line in lines:
                yield json.loads(line)
        except (OSError, ValueError):
            return
