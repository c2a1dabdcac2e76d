"""Workers: results in order, errors raised here, nothing left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lineament.core.workers import ProcessExecutor


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(ProcessExecutor(workers=3).map(abs, range(-50, 0))) == list(range(50, 0, -1))


def test_nothing_gives_nothing() -> None:
    assert list(ProcessExecutor(workers=2).map(abs, [])) == []


def test_the_work_is_done_elsewhere() -> None:
    processes = set(ProcessExecutor(workers=2).map(eval, ["__import__('os').getpid()"] * 8))

    assert os.getpid() not in processes
    assert 1 <= len(processes) <= 2


def test_an_exception_is_raised_at_its_place() -> None:
    results = ProcessExecutor(workers=1).map(int, ["1", "x"])

    assert next(results) == 1
    with pytest.raises(ValueError, match="invalid literal for int"):
        next(results)


def test_a_worker_that_dies_is_an_error_and_no_endless_wait() -> None:
    with pytest.raises(RuntimeError, match="a worker process ended with code 7"):
        list(ProcessExecutor(workers=2).map(os._exit, [7]))


def test_what_a_worker_prints_is_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(ProcessExecutor(workers=1).map(print, ["hello"])) == [None]
    assert capfd.readouterr() == ("", "hello\n")


def test_workers_end_with_the_map_even_if_nobody_reads_to_the_end() -> None:
    results = ProcessExecutor(workers=2).map(eval, ["__import__('os').getpid()"] * 100)
    worker = next(results)
    assert isinstance(worker, int)
    results.close()  # type: ignore[attr-defined]  # it is a generator

    assert not alive(worker)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from lineament.core.workers import ProcessExecutor\n"
        "for pid in ProcessExecutor(workers=1).map(eval, [\"__import__('os').getpid()\"] * 2):\n"
        "    print(pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until = time.monotonic() + 20
    while alive(worker) and time.monotonic() < until:
        time.sleep(0.05)  # the worker sees its input end

    assert not alive(worker)


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from lineament.core.workers import ProcessExecutor\n"
        "print('once', list(ProcessExecutor(workers=2).map(abs, [-1, -2])))\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)

    assert done.stdout == "once [1, 2]\n"
