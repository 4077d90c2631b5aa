"""For all tests: Ctrl-C works, also where the suite itself was started in the background."""

import signal

# A shell starts background jobs with SIGINT ignored, and every child inherits that: the tests that press
# Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
