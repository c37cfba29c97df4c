"""Who waits for whom in a PostgreSQL server.

Decides whether a statement that has no answer yet is at work or waits for a lock: the server is asked, never
a clock. A cycle of waits is broken as the server would break it, only at once and always the same way: the
statement that has waited longest fails, which is whose patience would end first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuzzharness.world.postgres_session import Session


class Waits:
    """The sessions whose statement waits for another session, the one that has waited longest first.

    ``own`` is the harness's connection.
    """

    def __init__(self) -> None:
        self.own: Any = None
        self.standing: list[Session] = []

    def blockers(self, session: Session) -> list[int]:
        """The server's processes that ``session`` waits for; none if it is at work."""
        (pids,) = self.own.execute(f"SELECT pg_blocking_pids({session.pid})").fetchone()
        return list(pids)

    def stand(self, session: Session) -> list[Session]:
        """``session`` waits; a cycle that this closes is broken, and returned."""
        self.standing.append(session)
        cycle = self._cycle(session)
        if cycle:
            self._break(cycle)
        return cycle

    def settle(self) -> list[Session]:
        """After a step that may have ended waits: those that have gone on, whose statement is over."""
        gone = []
        for session in list(self.standing):
            while not session.answered(0.002):
                if self.blockers(session):
                    break
            else:
                self.standing.remove(session)
                gone.append(session)
        return gone

    def leave(self, session: Session) -> None:
        """``session`` waits no longer, whatever became of its statement."""
        if session in self.standing:
            self.standing.remove(session)

    def cancel(self, session: Session) -> None:
        """Let the statement of ``session`` fail."""
        self.own.execute(f"SELECT pg_cancel_backend({session.pid})")

    def _cycle(self, session: Session) -> list[Session]:
        """The sessions that wait for each other, from ``session`` on; none if it will go on by itself."""
        by_pid = {s.pid: s for s in self.standing}
        way, seen = [session], {session.pid}

        def search(here: Session) -> bool:
            for pid in self.blockers(here):
                if pid == session.pid:
                    return True
                if pid in by_pid and pid not in seen:
                    seen.add(pid)
                    way.append(by_pid[pid])
                    if search(by_pid[pid]):
                        return True
                    way.pop()
            return False

        return way if search(session) else []

    def _break(self, cycle: list[Session]) -> None:
        victim = min(cycle, key=self.standing.index)
        victim.victim = True
        self.cancel(victim)
        while not victim.answered(0.02):
            pass
