"""Viewers of a page, in a process of their own: each follows the stream of events as it comes.

A viewer is a connection that reads at once whatever it is sent, as a browser does. What a browser
does with an event is done on its own machine, so it is not done here. The process has the page's
low priority; the processor time that it takes is the viewers', though here it is taken from the
same cores.
"""

from __future__ import annotations

import multiprocessing
import os
import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection

import psutil

__all__ = ["Crowd", "crowd"]

ASK = b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
HELLO, STATE = b"event: hello\n", b"event: state\n"
PIECE = 1 << 16
NICE = 10  # as of the page's process
PATIENCE_S = 60.0
SPAWN = multiprocessing.get_context("spawn")


@dataclass
class Viewer:
    """What one viewer was sent.

    Attributes:
        hellos: greetings that it was sent.
        states: states of a service that it was sent, beside the one of the greeting.
        received: bytes.
    """

    hellos: int = 0
    states: int = 0
    received: int = 0
    _rest: bytes = b""

    def take(self, piece: bytes) -> None:
        """Count what is in a piece of the stream; a name may lie across two of them."""
        text = self._rest + piece
        self.hellos += text.count(HELLO)
        self.states += text.count(STATE)
        self.received += len(piece)
        self._rest = text[1 - len(STATE) :]


@dataclass
class Crowd:
    """Viewers that watch.

    Attributes:
        process: theirs; None if there are none.
        states: sent to the viewer that was sent the fewest; known at the end, as `received`.
        received: bytes that all were sent.
    """

    process: psutil.Process | None = None
    states: int = 0
    received: int = 0


@contextmanager
def crowd(port: int, count: int) -> Iterator[Crowd]:
    """So many viewers while the body runs; it begins when each of them has been greeted.

    Raises:
        RuntimeError: the page refuses one, or ends while they watch.
    """
    if not count:
        yield Crowd()
        return
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=watch, args=(port, count, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        hear(ours)
        watching = Crowd(psutil.Process(process.pid))
        yield watching
        ours.send("end")
        watching.states, watching.received = hear(ours)
    finally:
        ours.close()
        process.kill()
        process.join()


def hear(line: Connection) -> tuple[int, int]:
    """The fewest states and all bytes so far.

    Raises:
        RuntimeError: the viewers' process has ended, or says nothing.
    """
    try:
        if line.poll(PATIENCE_S):
            fewest, received = line.recv()
            return int(fewest), int(received)
    except EOFError:
        pass
    raise RuntimeError("the viewers could not watch the page; what they say stands above")


def watch(port: int, count: int, line: Connection) -> None:
    """Be the viewers until the line says that it is over."""
    os.nice(NICE)
    greeted = False
    with ExitStack() as stack:
        ready = stack.enter_context(selectors.DefaultSelector())
        viewers = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.sendall(ASK)
            viewers.append(Viewer())
            ready.register(connection, selectors.EVENT_READ, (connection, viewers[-1]))
        ready.register(line, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if key.data is None:
                    line.send(told(viewers))
                    return
                connection, viewer = key.data
                viewer.take(received(connection))
            if not greeted and all(viewer.hellos for viewer in viewers):
                greeted = True
                line.send(told(viewers))


def received(connection: socket.socket) -> bytes:
    """What is there.

    Raises:
        RuntimeError: the page has ended the connection.
    """
    piece = connection.recv(PIECE)
    if not piece:
        raise RuntimeError("the page has let a viewer go")
    return piece


def told(viewers: list[Viewer]) -> tuple[int, int]:
    """The fewest states that one was sent, and the bytes of all."""
    return min(viewer.states for viewer in viewers), sum(viewer.received for viewer in viewers)
