"""HTTP connections that end by themselves when nothing comes."""

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 20.0  # that the headers of a request may take, from the opening of the connection or the last answer


class Connection(H11Protocol):
    """uvicorn's, which bounds the size of headers, but not the time that they take."""

    def connection_made(self, transport):
        """A client connected."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._look = self.loop.call_later(HEADER_SECONDS, self._close_if_idle)

    def connection_lost(self, exc):
        """It is gone."""
        self._look.cancel()
        super().connection_lost(exc)

    def on_response_complete(self):
        """A request was answered."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def _close_if_idle(self):
        busy = self.cycle is not None and not self.cycle.response_complete
        left = HEADER_SECONDS if busy else self._idle_since + HEADER_SECONDS - self.loop.time()
        if left <= 0:
            self.transport.close()
        else:
            self._look = self.loop.call_later(left, self._close_if_idle)
