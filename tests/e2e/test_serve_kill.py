"""kill -9 of the server during posts: what was answered is there exactly once, and a retry adds nothing."""

import collections
import datetime
import http.client
import os
import random
import threading
import time

from server import HEADER, Server

SOAK = bool(os.environ.get("BUSBAR_SOAK"))
KILLS = 50 if SOAK else 5
CLIENTS = 4
LINES = 40


def stamp(batch):
    return (datetime.datetime(2025, 1, 1) + batch * datetime.timedelta(minutes=15)).isoformat() + "Z"


class Client(threading.Thread):
    """Posts batch after batch, each with a key of its own, and each until it was answered."""

    def __init__(self, number, world):
        super().__init__()
        self.number, self.world = number, world
        self.answered = []  # batches
        self.repeated = 0
        self.batch = 0

    def body(self, batch):
        """Values that say which batch they came with; over several usage points, so over several partitions."""
        lines = [HEADER]
        for i in range(LINES):
            lines.append(f"C{self.number}-{i},1-1:1.29.0,{stamp(batch)},{batch}.{self.number},kWh,interval,15m\n")
        return "".join(lines).encode()

    def post(self, batch):
        host, port = self.world.address
        connection = http.client.HTTPConnection(host, port, timeout=20)
        try:
            connection.request("POST", "/v1/readings", body=self.body(batch),
                               headers={"Content-Type": "text/csv", "Idempotency-Key": f"{self.number}/{batch}"})
            answer = connection.getresponse()
            answer.read()
            return answer
        finally:
            connection.close()

    def run(self):
        while not self.world.over:
            self.batch += 1
            while True:
                try:
                    answer = self.post(self.batch)
                except (OSError, http.client.HTTPException):
                    if self.world.over:
                        return
                    time.sleep(0.02)
                    continue
                assert answer.status == 200, answer.status
                self.repeated += answer.headers["Busbar-Repeated"] == "true"
                self.answered.append(self.batch)
                break


class World:
    over = False
    address = ("127.0.0.1", 1)


def test_kill_nine_during_posts(plant):
    random.seed(20260301)
    world = World()
    clients = [Client(number, world) for number in range(CLIENTS)]
    server = Server(plant).start()
    world.address = (server.host, server.port)
    for client in clients:
        client.start()
    for _ in range(KILLS):
        time.sleep(random.uniform(0.2, 0.9))
        server.kill()
        server = Server(plant).start()
        world.address = (server.host, server.port)
    time.sleep(0.5)
    world.over = True
    for client in clients:
        client.join(60)
        assert not client.is_alive()

    # A retry of everything that was answered adds nothing.
    for client in clients:
        for batch in client.answered[-5:]:
            answer = client.post(batch)
            assert answer.status == 200 and answer.headers["Busbar-Accepted"] == "0", answer.headers
    final = server.post(HEADER + "Z,1-1:1.29.0,2026-03-01T00:15:00Z,1,kWh,interval,15m\n", "wait=derived&timeout=60s")
    assert final.json()["derived"] is True
    server.stop()

    assert sum(len(client.answered) for client in clients) > KILLS
    for client in clients:
        for i in range(0, LINES, 7):
            rows = plant.query(f"C{client.number}-{i}", "--lane", "raw")
            stored = collections.Counter(row["value"] for row in rows)
            expected = {f"{batch}.{client.number}" for batch in client.answered}
            assert expected <= set(stored), f"lost: {sorted(expected - set(stored))[:5]}"
            assert max(stored.values()) == 1
            assert set(stored) - expected <= {f"{client.batch}.{client.number}"}, "only the last may be unanswered and there"
        # Landed twice, a reading would have been told again.
        for batch in client.answered[::max(1, len(client.answered) // 20)]:
            story = plant.run("explain", "--usage-point", f"C{client.number}-0", "--channel", "1-1:1.29.0", "--at", stamp(batch),
                              expect=0).out
            assert "\n      told " in story and "\n      again " not in story, story
    print(f"{KILLS} kills, {sum(len(c.answered) for c in clients)} posts, {sum(c.repeated for c in clients)} repeated")
