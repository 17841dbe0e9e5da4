"""RemoteMonitor: the metrics of each epoch, sent to a server; and ProgbarLogger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import numpy as np

from lamina.callbacks.base import Callback, Logs
from lamina.errors import ArgumentError, describe, warn
from lamina.settings import settings


class RemoteMonitor(Callback):
    """A callback that sends the metrics of each epoch to a server, as a POST of JSON.

    A server that does not answer costs a warning, and training continues.

    Args:
        root: address of the server.
        path: path below the address.
        field: name of the form's field that holds the JSON.
        headers: further headers of the request, by name.
        send_as_json: send the JSON as the body, and not in a form.

    Example:
        >>> import lamina as lm
        >>> monitor = lm.callbacks.RemoteMonitor(root="http://localhost:9000", send_as_json=True)
    """

    places = ("root",)

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root, self.path, self.field = root, path, field
        if headers is not None and not isinstance(headers, Mapping):
            raise ArgumentError(
                f"RemoteMonitor: headers: expected a dictionary, got {describe(headers)}"
            )
        self.headers, self.send_as_json = dict(headers or {}), send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        found = {name: np.asarray(value).tolist() for name, value in (logs or {}).items()}
        text = json.dumps({"epoch": epoch, **found})
        if self.send_as_json:
            self._send(text.encode(), "application/json")
        else:
            form = urlencode({self.field: text}).encode()
            self._send(form, "application/x-www-form-urlencoded")

    def _send(self, body: bytes, kind: str) -> None:
        from urllib.request import Request, urlopen

        headers = {"Content-Type": kind, "User-Agent": "lamina", **self.headers}
        try:
            request = Request(self.root + self.path, data=body, headers=headers)
            urlopen(request, timeout=settings.timeout).close()
        except (OSError, ValueError) as error:
            warn(f"RemoteMonitor: {self.root} cannot be reached: {error}")


class ProgbarLogger(Callback):
    """The progress line of `fit`, by the name of Keras.

    `fit` and `evaluate` draw the line by themselves, as `verbose` says; a list of callbacks that
    holds this one has no second line.

    Example:
        >>> import lamina as lm
        >>> progress = lm.callbacks.ProgbarLogger()
    """
