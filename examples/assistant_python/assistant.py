"""A complete assistant of one's own in Python: it suggests a walk once the user
has been at the desk for an hour, at most three times a day, and is silent
otherwise. Everything an assistant must do is in this file; README.md has the
commands that run it.
"""

import sys
from concurrent import futures
from pathlib import Path
from threading import Lock

PROTO = Path(__file__).resolve().parents[2] / "proto"
sys.path += [str(PROTO), str(PROTO / "deps")]  # where the contracts and their imports are read from

import grpc  # noqa: E402

contract, rpcs = grpc.protos_and_services("propersim/assistant/v1/assistant_service.proto")
from propersim.simulation.v1 import step_pb2 as sim  # noqa: E402  (made by the line above)

WALK = sim.Candidate(recommendation=sim.Recommendation(
    text="You have been at your desk for an hour. A short walk would do you good.",
    topic="outdoor-walks", tone="warm"))
SILENCE = sim.Candidate(abstention=sim.Abstention())


class Session:
    """What the assistant remembers of a run: a fold over its history."""

    def __init__(self, step_seconds):
        self.step_seconds = step_seconds
        self.last_step = -1
        self.day = self.said_today = 0
        self.desk_since = None  # step at which the present stretch of work began

    def day_of(self, step):
        return step * self.step_seconds // 86400

    def observe(self, past):
        if self.day_of(past.step) != self.day:
            self.day, self.said_today = self.day_of(past.step), 0
        self.said_today += past.delivered.HasField("recommendation")
        if past.observation.kind != "work":
            self.desk_since = None
        elif self.desk_since is None:
            self.desk_since = past.step
        self.last_step = past.step

    def answer(self, step, observation):
        said = self.said_today if self.day_of(step) == self.day else 0
        at_desk = observation.kind == "work" and self.desk_since is not None
        hour = at_desk and (step - self.desk_since) * self.step_seconds >= 3600
        return WALK if hour and said < 3 else SILENCE


def require(context, holds, message):
    """Refuses a malformed request; abort raises."""
    if not holds:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, message)


class Assistant(rpcs.AssistantServiceServicer):
    def __init__(self):
        self.lock = Lock()
        self.sessions = {}  # by run; guarded by lock

    def OpenSession(self, requests, context):
        start = next(requests, contract.OpenSessionRequest()).start
        require(context, start.run_id and start.method, "start: the first message must name run_id and method")
        require(context, start.settings.stream, "settings.stream: found none")
        seconds = start.settings.step_seconds
        require(context, 10 <= seconds <= 3600 and 86400 % seconds == 0,
                f"settings.step_seconds: found {seconds}, want a divisor of 86400 from 10 to 3600")
        require(context, start.memory in range(1, 5), f"memory: found {start.memory}, want 1 to 4")
        require(context, start.scheme == contract.SCHEME_SAMPLES, "scheme: this assistant knows samples alone")
        session = Session(seconds)
        for request in requests:
            require(context, request.HasField("history"), "every message after the first must be history")
            for past in request.history.steps:
                require(context, past.step > session.last_step,
                        f"history: step {past.step} follows step {session.last_step}")
                session.observe(past)
        with self.lock:
            self.sessions[start.run_id] = session
        return contract.OpenSessionResponse(last_step=session.last_step)

    def at(self, context, run, last_step):
        """Returns the session when it stands where the caller believes it stands."""
        session = self.sessions.get(run)
        if session is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no session of run {run!r}")
        if session.last_step != last_step:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION,
                          f"session of run {run!r} stands at step {session.last_step}, not {last_step}")
        return session

    def Recommend(self, request, context):
        require(context, request.run_id, "run_id: found none")
        require(context, request.step >= 0 and request.last_step >= -1, "step and last_step: found a negative one")
        require(context, request.observation.kind, "observation.kind: found none")
        require(context, 1 <= request.candidates <= 16, f"candidates: found {request.candidates}, want 1 to 16")
        with self.lock:
            session = self.at(context, request.run_id, request.last_step)
            answer = session.answer(request.step, request.observation)
        return contract.RecommendResponse(candidates=[answer] * request.candidates)

    def Observe(self, request, context):
        past = request.past
        require(context, request.run_id, "run_id: found none")
        require(context, past.step >= 0 and request.last_step >= -1, "step and last_step: found a negative one")
        require(context, past.delivered.WhichOneof("choice"), "past.delivered: found no choice")
        require(context, 0 <= past.score <= 4, f"past.score: found {past.score}, want 0 to 4")
        with self.lock:
            session = self.sessions.get(request.run_id)
            if session is None or past.step > session.last_step:  # otherwise a repeat
                self.at(context, request.run_id, request.last_step).observe(past)
        return contract.ObserveResponse()

    def CloseSession(self, request, context):
        require(context, request.run_id, "run_id: found none")
        with self.lock:
            self.sessions.pop(request.run_id, None)
        return contract.CloseSessionResponse()


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: assistant.py ADDRESS, e.g. 127.0.0.1:7091")
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.so_reuseport", 0)])
    rpcs.add_AssistantServiceServicer_to_server(Assistant(), server)
    server.add_insecure_port(sys.argv[1])  # raises where the address is taken
    server.start()
    print("an assistant listens on", sys.argv[1], flush=True)
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(grace=5).wait()


if __name__ == "__main__":
    main()
