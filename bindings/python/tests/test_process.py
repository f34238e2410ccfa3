"""The ends of processes, and forks: no crash, no hang, and errors that say what is wrong."""

import signal
import subprocess
import sys
import time
import unittest

from support import MODEL, PRELUDE, run_python


class ExitTest(unittest.TestCase):
    def check(self, script: str, expected: str = "", code: int = 0) -> None:
        run = run_python(PRELUDE + script)
        self.assertEqual((run.returncode, run.stdout.strip()), (code, expected), run.stderr)
        if code == 0:
            self.assertEqual(run.stderr, "")

    def test_with_a_live_iterator(self) -> None:
        self.check("generation = stream.generate('And ', **endless); next(generation)")

    def test_with_a_live_queue_and_a_wakeup(self) -> None:
        self.check(
            "queue = runtime.create_queue()\n"
            "queue.set_wakeup(lambda: queue.poll())\n"
            "queue.submit(stream.create_request('And ', **endless))\n"
            "import time\n"
            "while not stream.position: time.sleep(0)"
        )

    def test_with_a_thread_that_waits(self) -> None:
        self.check(
            "import threading\n"
            "queue = runtime.create_queue()\n"
            "threading.Thread(target=queue.wait, daemon=True).start()\n"
            "queue.submit(stream.create_request('And ', **endless, window=1))\n"
        )

    def test_with_an_eval_on_another_thread(self) -> None:
        self.check(
            "import threading\n"
            "threading.Thread(target=stream.eval, args=([65] * 10**6, 0), daemon=True).start()"
        )

    def test_by_sys_exit_in_an_iteration(self) -> None:
        self.check(
            "import sys\nfor _ in stream.generate('And ', **endless): sys.exit(3)",
            code=3,
        )

    def test_by_os_exit(self) -> None:
        self.check(
            "import os\nnext(stream.generate('And ', **endless)); os._exit(4)",
            code=4,
        )

    def test_in_the_middle_of_an_asyncio_loop(self) -> None:
        self.check(
            "import asyncio\n"
            "async def main():\n"
            "    async for piece in stream.generate_async('And ', **endless):\n"
            "        return\n"
            "asyncio.run(main())"
        )

    def test_with_a_cycle_of_everything(self) -> None:
        self.check(
            "cycle = [runtime, model, stream, stream.generate('And ', **endless)]\n"
            "cycle.append(cycle)"
        )

    def test_an_exception_in_a_wakeup_is_told(self) -> None:
        run = run_python(
            PRELUDE + "import threading\n"
            "queue, woken = runtime.create_queue(), threading.Event()\n"
            "def wakeup():\n"
            "    woken.set()\n"
            "    raise ValueError('told')\n"
            "queue.set_wakeup(wakeup)\n"
            "queue.submit(stream.create_request('And ', max_tokens=2))\n"
            "woken.wait(20)\n"
            "queue.set_wakeup(None)\n"
            "print(len(list(queue)))"
        )
        self.assertEqual((run.returncode, run.stdout.strip()), (0, "3"), run.stderr)
        self.assertIn("ValueError: told", run.stderr)

    def test_ctrl_c_ends_a_wait(self) -> None:
        script = (
            PRELUDE + "queue = runtime.create_queue()\nprint('waiting', flush=True)\nqueue.wait()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
            self.assertIn("KeyboardInterrupt", errors)
            self.assertLess(time.monotonic() - begin, 10)


class ForkTest(unittest.TestCase):
    def check(self, script: str, expected: str) -> None:
        run = run_python(script)
        self.assertEqual((run.returncode, run.stdout.strip()), (0, expected), run.stderr)

    def test_a_child_of_a_runtime_gets_errors(self) -> None:
        self.check(
            PRELUDE + "import os, sys\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    calls = lambda: stream.generate('a'), lambda: stream.eval([1]), skein.Runtime\n"
            "    for call in (*calls, stream.fork):\n"
            "        try:\n"
            "            call()\n"
            "            print('worked')\n"
            "        except skein.FailedPreconditionError as error:\n"
            "            assert 'fork' in str(error), error\n"
            "    stream.close()\n"
            "    sys.exit(0)\n"
            "assert os.waitpid(pid, 0)[1] == 0\n"
            "print(len(stream.generate('And ', max_tokens=3).tokens) == 0)",
            "True",
        )

    def test_a_child_does_not_wait_for_a_thread_that_polled_in_the_parent(self) -> None:
        self.check(
            PRELUDE + "import os, sys, threading\n"
            "queue = runtime.create_queue()\n"
            "thread = threading.Thread(target=queue._polling.acquire)\n"  # as in a poll
            "thread.start(); thread.join()\n"
            "pid = os.fork()\n"
            "if pid == 0:\n"
            "    try: queue.poll()\n"
            "    except skein.FailedPreconditionError: sys.exit(7)\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
            "7",
        )

    def test_a_child_may_make_the_first_runtime(self) -> None:
        self.check(
            "import os, sys, skein\n"
            "pid = os.fork()\n"
            "with skein.Runtime(threads=1) as runtime:\n"
            f"    model = runtime.load_model({MODEL!r}, device='reference', calibrate=0)\n"
            "    stream = model.create_stream()\n"
            "    text = stream.generate('And ', max_tokens=5, temperature=0).read()\n"
            "if pid == 0: sys.exit(len(text))\n"
            "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == len(text))",
            "True",
        )

    def test_multiprocessing(self) -> None:
        script = (
            "import multiprocessing, skein\n"
            "def write(seed):\n"
            f"    runtime = skein.Runtime(threads=1)\n"
            f"    model = runtime.load_model({MODEL!r}, device='reference', calibrate=0)\n"
            "    return model.create_stream().generate('And ', max_tokens=5, seed=seed).read()\n"
            "if __name__ == '__main__':\n"
            "    with multiprocessing.get_context('METHOD').Pool(2) as pool:\n"
            "        print(len(pool.map(write, range(4))))\n"
        )
        self.check(script.replace("METHOD", "fork"), "4")

    def test_a_pool_that_was_forked_too_late_gets_errors_and_not_hangs(self) -> None:
        self.check(
            PRELUDE + "import multiprocessing\n"
            "def write(seed): return stream.generate('And ', max_tokens=5, seed=seed).read()\n"
            "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
            "    try:\n"
            "        pool.map(write, range(4))\n"
            "    except skein.FailedPreconditionError as error:\n"
            "        print(error.name)",
            "FAILED_PRECONDITION",
        )


if __name__ == "__main__":
    unittest.main()
