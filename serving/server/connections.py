"""HTTP connections that end when the client sends nothing, and when it does not read."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 20.0  # for the headers of a request, from the opening of the connection or the end of the last answer
ANSWER_SECONDS = 120.0  # for which an answer that is not read is kept; of a long one, a megabyte must be read in it


class Connection(H11Protocol):
    """uvicorn's connection, which limits the size of headers, but neither their time nor that of reading an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client connected."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._unread: asyncio.TimerHandle | None = None
        self._check = self.loop.call_later(HEADER_SECONDS, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._check.cancel()
        self._forget_unread()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read. Abort after a while: closing would wait for the client for ever."""
        super().pause_writing()
        self._forget_unread()
        self._unread = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads."""
        self._forget_unread()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """A request was answered."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _close_if_idle(self) -> None:
        answering = self.cycle is not None and not self.cycle.response_complete
        busy = answering and not self.transport.is_closing()  # an answer that was given up never becomes complete
        unread = self.transport.get_write_buffer_size() > 0
        limit = ANSWER_SECONDS if unread else HEADER_SECONDS
        left = limit if busy else self._idle_since + limit - self.loop.time()
        if left <= 0:
            self.transport.abort()  # closing would wait for the client
        else:
            self._check = self.loop.call_later(left, self._close_if_idle)
