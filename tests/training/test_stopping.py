import os
import signal
import threading

import pytest

from fastnlp.training.stopping import stop_request


@pytest.mark.parametrize(("sent", "raised"), [("SIGINT", KeyboardInterrupt), ("SIGTERM", SystemExit)])
def test_a_signal_waits_until_it_is_asked_for(sent, raised):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_request() as asked:
        assert not asked()
        os.kill(os.getpid(), getattr(signal, sent))
        assert asked()
        error = asked.error()
    assert isinstance(error, raised)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    if raised is SystemExit:
        assert error.code == 143


def test_a_handler_of_the_program_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with stop_request() as asked:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not asked()
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_of_the_main_thread_signals_are_as_they_were():
    found = []

    def look():
        with stop_request():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGTERM)]
