"""HTTP connections that end by themselves when nothing comes, and when nobody reads."""

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 20.0  # that the headers of a request may take, from the opening of the connection or the last answer
ANSWER_SECONDS = 120.0  # for which an answer that is not read is kept; in it, a megabyte of a long one must be read


class Connection(H11Protocol):
    """uvicorn's, which bounds the size of headers, but not the time that they take."""

    def connection_made(self, transport):
        """A client connected."""
        super().connection_made(transport)
        self._idle_since, self._unread = self.loop.time(), None
        self._look = self.loop.call_later(HEADER_SECONDS, self._close_if_idle)

    def connection_lost(self, exc):
        """It is gone."""
        self._look.cancel()
        self._forget_unread()
        super().connection_lost(exc)

    def pause_writing(self):
        """What is sent is not read; closing would wait for the reader for ever."""
        super().pause_writing()
        self._forget_unread()
        self._unread = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self):
        """It is read."""
        self._forget_unread()
        super().resume_writing()

    def on_response_complete(self):
        """A request was answered."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def _forget_unread(self):
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _close_if_idle(self):
        answering = self.cycle is not None and not self.cycle.response_complete
        busy = answering and not self.transport.is_closing()  # an answer that was given up is never complete
        unread = self.transport.get_write_buffer_size() > 0
        limit = ANSWER_SECONDS if unread else HEADER_SECONDS
        left = limit if busy else self._idle_since + limit - self.loop.time()
        if left <= 0:
            self.transport.abort()  # closing would wait for the reader
        else:
            self._look = self.loop.call_later(left, self._close_if_idle)
