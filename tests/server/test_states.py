"""The states of predictions: no order of events leads to an illegal one, and no slot is lost or given twice."""

import itertools
import tempfile
from collections import Counter

import pytest
from cogserve.files.folders import Folders
from cogserve.health import Health, Status
from cogserve.predictions.prediction import TRANSITIONS, IllegalTransition, Prediction, State
from cogserve.predictions.scheduler import Scheduler
from cogserve.protocol import Problem
from cogserve.settings import Settings
from cogserve.worker.process import Exit
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

SLOTS, QUEUE = 2, 3
LEGAL = {
    ("ACCEPTED", "FETCHING"),
    ("ACCEPTED", "WAITING"),
    ("FETCHING", "WAITING"),
    ("WAITING", "RUNNING"),
    ("RUNNING", "STORING"),
    ("RUNNING", "SUCCEEDED"),
    ("STORING", "SUCCEEDED"),
    *itertools.product(("ACCEPTED", "FETCHING", "WAITING", "RUNNING", "STORING"), ("FAILED", "CANCELED")),
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)), ids=lambda state: state.name)
def test_only_the_legal_steps_can_be_made(before, after):
    prediction = Prediction("a", b"{}")
    prediction.state = before

    if (before.name, after.name) in LEGAL:
        prediction.move(after)
        assert prediction.state is after
    else:
        with pytest.raises(IllegalTransition):
            prediction.move(after)
        assert prediction.state is before


def test_every_state_that_has_not_ended_can_end():
    for state, following in TRANSITIONS.items():
        assert not following or {State.FAILED, State.CANCELED} <= following, state


class Worker:
    """Stands for a worker process: keeps what it was sent."""

    def __init__(self):
        self.sent = []

    def send(self, header, payload=b""):
        self.sent.append((header["type"], header.get("id")))

    def drain(self):
        pass

    def signal(self, number, reason=None):
        pass


class Nursery:
    """Never runs the tasks that it gets: the steps of a cancellation are rules of the machine instead."""

    def start_soon(self, *_):
        pass


def failing(event):
    """A listener that no prediction must suffer from."""
    raise RuntimeError(f"at {event[0]}")


class Predictions(RuleBasedStateMachine):
    """Requests, a worker that works, fails, hangs and dies, and cancels, in any order."""

    predictions = Bundle("predictions")

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.health = Health()
        self.scheduler = Scheduler(
            Settings(queue=QUEUE), SLOTS, self.health, Nursery(), None, None, Folders(self.folder.name, Nursery())
        )
        self.numbers = itertools.count()
        self.worker = None
        self.seen = {}

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule()
    @precondition(lambda self: self.worker is None)
    def worker_becomes_ready(self):
        self.worker = Worker()
        self.health.status, self.health.was_ready = Status.READY, True
        self.scheduler.attach(self.worker)

    @rule()
    @precondition(lambda self: self.worker is not None)
    def worker_dies(self):
        self.worker = None
        self.health.status = Status.STARTING
        self.scheduler.detach(Exit(-9, "the model's process was killed"))

    @rule(target=predictions)
    def request(self):
        return self.submit(str(next(self.numbers)))

    @rule(target=predictions, earlier=predictions)
    def request_by_the_id_of_an_earlier_one(self, earlier):
        return earlier if earlier.id in self.scheduler.registry.live else self.submit(earlier.id)

    def submit(self, id):  # noqa: A002
        prediction = Prediction(id, b"{}", budget=self.scheduler.budget)
        prediction.listen(failing)
        inside = self.scheduler.admission.inside
        try:
            self.scheduler.submit(prediction)
        except Problem as problem:
            assert (problem.status, inside) == (503, SLOTS + QUEUE)
            assert problem.retry_after >= 1
            return multiple()
        assert inside < SLOTS + QUEUE
        self.seen[prediction] = prediction.state
        return prediction

    @rule(prediction=predictions, reason=st.sampled_from(["", "too late"]))
    def cancel(self, prediction, reason):
        waiting = prediction.state is State.WAITING
        self.scheduler.cancel(prediction, reason)
        if waiting:
            assert prediction.state is (State.FAILED if reason else State.CANCELED)

    @rule(
        prediction=predictions,
        status=st.sampled_from(["succeeded", "failed", "canceled"]),
        payload=st.sampled_from([b"1", b"", b"NaN"]),
    )
    def worker_is_done(self, prediction, status, payload):
        # Also for predictions that do not run: a frame that comes too late changes nothing.
        self.frame({"type": "done", "id": prediction.id, "status": status, "seconds": 0.1, "files": []}, payload)

    @rule(prediction=predictions, payload=st.sampled_from([b"1", b"nonsense"]))
    def worker_gives_output(self, prediction, payload):
        self.frame({"type": "output", "id": prediction.id, "index": 0, "files": []}, payload)

    @rule(prediction=predictions)
    def worker_logs(self, prediction):
        self.frame({"type": "log", "id": prediction.id, "source": "stdout"}, b"text")

    def frame(self, header, payload):
        if self.worker is not None:
            self.scheduler.on_frame(header, payload)

    @invariant()
    def states_follow_the_rules(self):
        for prediction, before in getattr(self, "seen", {}).items():
            now = prediction.state
            reachable = {before}
            for _ in State:
                reachable |= {following for state in reachable for following in TRANSITIONS[state]}
            assert now in reachable
            self.seen[prediction] = now

    @invariant()
    def slots_belong_to_what_runs(self):
        if not hasattr(self, "scheduler"):
            return
        admission = self.scheduler.admission
        running = [one for one in self.seen if one.state is State.RUNNING]
        assert list(admission.running.values()) == running  # in the order of their coming
        assert len(running) <= SLOTS
        waiting = [one for one in self.seen if one.state is State.WAITING]
        assert admission.waiting == len(waiting)
        assert admission.inside == len([one for one in self.seen if not one.finished])
        if waiting:
            assert admission.free <= 0  # nothing waits while there is a place

    @invariant()
    def every_byte_is_counted(self):
        if hasattr(self, "scheduler"):
            assert self.scheduler.budget.held >= sum(one.size for one in self.scheduler.registry.live.values())

    @invariant()
    def none_is_lost_and_none_runs_twice(self):
        if not hasattr(self, "scheduler"):
            return
        assert list(self.scheduler.registry.live.values()) == [one for one in self.seen if not one.finished]
        if self.worker is not None:
            started = Counter(one for kind, one in self.worker.sent if kind == "predict")
            assert started <= Counter(one.id for one in self.seen)
        for one in self.seen:
            if one.finished:
                assert (one.error is None) == (one.state is not State.FAILED)
        for id, latest in {one.id: one for one in self.seen}.items():  # noqa: A001
            assert self.scheduler.registry.find(id) is latest


Predictions.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=30, deadline=None)
TestPredictions = Predictions.TestCase
