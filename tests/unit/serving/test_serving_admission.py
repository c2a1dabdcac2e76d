"""A crowd is refused, with when to come again; what is admitted is counted to its end."""

import time

import pytest

from lineament.serving.admission import LONGEST_WAIT_S, Admission, Deadline
from lineament.serving.problems import ProblemError


@pytest.fixture
def admission() -> Admission:
    return Admission(threads=2, queue=3, max_bytes=100)


def test_threads_and_queue_are_all_that_is_admitted(admission: Admission) -> None:
    with admission.photos_admitted(5):
        assert admission.photos == 5
        with pytest.raises(ProblemError) as caught, admission.photos_admitted(1):
            pytest.fail("a sixth photo was admitted")

    assert caught.value.http_status == 429
    assert caught.value.headers == {"retry-after": "1"}
    assert admission.photos == 0


def test_photos_leave_also_when_their_work_fails(admission: Admission) -> None:
    with pytest.raises(ZeroDivisionError), admission.photos_admitted(4):
        raise ZeroDivisionError

    with admission.photos_admitted(5):
        assert admission.photos == 5


def test_longer_queue_of_slower_photos_is_asked_to_wait_longer(admission: Admission) -> None:
    for _ in range(500):
        admission.took(4.0)
    with admission.photos_admitted(5):
        assert admission.retry_after_s() == 10  # five photos of four seconds, two at a time
        for _ in range(500):
            admission.took(1000.0)
        assert admission.retry_after_s() == LONGEST_WAIT_S


def test_bytes_have_a_limit_and_are_given_back(admission: Admission) -> None:
    admission.hold(100)
    with pytest.raises(ProblemError, match="hold all the memory") as caught:
        admission.hold(1)
    assert caught.value.http_status == 429

    assert admission.bytes == 100  # what was refused is not counted
    admission.give_back(60)
    admission.hold(60)


def test_deadline_refuses_what_begins_too_late() -> None:
    Deadline(60).require_time()
    late = Deadline(0.001)
    time.sleep(0.01)

    with pytest.raises(ProblemError, match=r"not begun within 0\.001 s") as caught:
        late.require_time()
    assert caught.value.http_status == 503
    assert "retry-after" in caught.value.headers
