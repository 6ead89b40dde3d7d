"""A worker is told to stop by SIGTERM, whatever TensorFlow does with it."""

import faulthandler
import os
import signal

from millstream.workers.place import keep_handler


def test_a_signal_that_native_code_has_taken_is_handled_as_before(tmp_path):
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append("ours"))
    try:
        with (tmp_path / "stacks").open("w") as file:
            faulthandler.register(signal.SIGUSR1, file=file)  # past Python, as TensorFlow does
            os.kill(os.getpid(), signal.SIGUSR1)
            assert heard == []
            keep_handler(signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGUSR1)
            assert heard == ["ours"]
            faulthandler.unregister(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
