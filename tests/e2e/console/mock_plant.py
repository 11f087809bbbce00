#!/usr/bin/env python3
"""A stand-in for `busbar serve`, for tests of the console alone: the query API's shapes over a plant that the real
binary made. Every answer comes from the binary's own --json, so values, stories and edits are true ones; only the
HTTP around them is not.

    mock_plant.py --bin build/busbar --dist web/dist --work DIR [--port P] [--key KEY] [--days D] [--meters N]

Prints `listening on http://127.0.0.1:PORT` when it is ready. DIR keeps the plant between runs.
"""

import argparse
import collections
import datetime
import gzip
import hashlib
import http.server
import json
import mimetypes
import pathlib
import re
import shutil
import subprocess
import threading
import urllib.parse

WRITE = threading.Lock()


class Problem(Exception):
    def __init__(self, status, code, detail, **more):
        super().__init__(detail)
        self.status, self.code, self.detail, self.more = status, code, detail, more


class Plant:
    def __init__(self, binary, work, meters, days):
        self.binary, self.work = str(binary), pathlib.Path(work)
        self.data = self.work / "data"
        self.files_path = self.work / "files.json"
        if not self.files_path.exists():
            self.make(meters, days)
        self.files = json.loads(self.files_path.read_text())
        self.end = max(row["end"] for row in self.cli("list", "completeness"))

    def cli(self, *arguments, text=False, check=True):
        done = subprocess.run([self.binary, "--data", str(self.data), *([] if text else ["--json"]), "--quiet", "--no-progress", *arguments],
                              capture_output=True, text=True, cwd=self.work)
        if text:
            return done.stdout
        answer = json.loads(done.stdout or "null")
        if check and (done.returncode or (isinstance(answer, dict) and "error" in answer)):
            error = (answer or {}).get("error", {}) if isinstance(answer, dict) else {}
            code = error.get("code", "BB-9000")
            raise Problem(404 if code in ("BB-2003", "BB-2004") else 400, code, error.get("reason", done.stderr.strip()))
        return answer

    def make(self, meters, days):
        shutil.rmtree(self.data, ignore_errors=True)
        self.work.mkdir(parents=True, exist_ok=True)
        last = datetime.date(2026, 4, 14)
        first = last - datetime.timedelta(days=days)
        city = self.work / "city"
        shutil.rmtree(city, ignore_errors=True)
        subprocess.run([self.binary, "generate", "--meters", str(meters), "--days", str(days), "--from", first.isoformat(),
                        "--faults", "0.7", "--seed", "11", "--format", "csv", "--out", "city"], cwd=self.work, check=True, capture_output=True)
        for path in sorted(city.glob("readings*")):
            outages(path, last)
        self.cli("registry", "apply", "city/registry.yaml")
        files = [self.ingest(str(path.relative_to(self.work))) for path in sorted(city.glob("readings*"))]
        self.cli("tick", "--at", f"{last.isoformat()}T00:00:00+02:00")
        row = "871685900000000011,1-1:1.29.0,{},{},kWh,15m\n"
        head = "usage_point,channel,timestamp,value,unit,interval\n"
        eve = last - datetime.timedelta(days=1)
        times = [f"{eve.isoformat()}T0{hour}:{minute:02d}:00Z" for hour in range(0, 3) for minute in (15, 30, 45)]
        good = [row.format(time, 0.1) for time in times]
        (self.work / "late-route-7.csv").write_text(head + "".join(good[:5]) + row.format("31-12-2026 10:00", 0.2) + row.format(times[6], "n/a") + "".join(good[7:]))
        files.append(self.ingest("late-route-7.csv", "--partial"))
        (self.work / "headend-export-broken.csv").write_text(head + row.format("yesterday", 0.2))
        files.append(self.ingest("headend-export-broken.csv"))
        shutil.rmtree(city)
        self.files_path.write_text(json.dumps(files))

    def ingest(self, name, *options):
        size = (self.work / name).stat().st_size
        done = self.cli("ingest", name, *options, check=False)
        errors = [{key: error[key] for key in ("line", "code", "reason")} for error in done["errors"]]
        state = "done" if not done["rejected"] else "partial" if done["accepted"] else "refused"
        return {"source": name, "received": now(), "state": state, "readings": done["accepted"], "rejected": done["rejected"], "bytes": size, "errors": errors}


def outages(path, last):
    """Takes readings out of the last weeks, so that there is something to estimate and to miss: (meters, days before
    the end, hours); registers too where the whole meter was silent."""
    def stretch(days, hours):
        start = datetime.datetime.combine(last, datetime.time(7), datetime.timezone.utc) - datetime.timedelta(days=days)
        return start.strftime("%Y-%m-%dT%H:%M"), (start + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")

    silent = {}
    for meters, days, hours, whole in [(range(6, 13), 12, 5, False), ([2], 9, 31, False), ([15], 26, 220, True), ([21], 4, 60, True),
                                       ([5], 20, 1, False), ([9], 17, 2, False), (range(25, 31), 30, 14, False), ([18], 6, 200, True)]:
        for meter in meters:
            silent.setdefault(meter, []).append((*stretch(days, hours), whole))
    names, kept = {}, []
    with open(path) as lines:
        for line in lines:
            parts = line.split(",")
            if len(parts[0]) == 18 and parts[0].isdigit():
                meter = names.setdefault(parts[0], int(parts[0][-10:-1]) % 1000)
                stretches = silent.get(meter)
                if stretches and any(start <= part[:16] < end and (whole or ":1.29.0" in line)
                                     for start, end, whole in stretches for part in parts if len(part) > 16 and part[4:5] == "-"):
                    continue
            kept.append(line)
    path.write_text("".join(kept))


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def ms(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def paged(rows, query, largest=1000):
    limit = min(largest, int(query.get("limit", 100)))
    start = int(query.get("cursor", 0))
    return {"items": rows[start:start + limit], "next": str(start + limit) if start + limit < len(rows) else None}


PARAMETERS = {
    "/v1/usage-points": "search limit cursor", "/v1/channels": "usage_point limit cursor",
    "/v1/values": "usage_point channel from to lane as_of zone points limit shape",
    "/v1/explain": "usage_point channel at lane as_of zone", "/v1/completeness": "usage_point from to as_of limit cursor",
    "/v1/exceptions": "usage_point channel check state as_of limit cursor", "/v1/findings": "usage_point check as_of limit cursor",
    "/v1/files": "limit cursor", "/v1/overview": "", "/v1/me": "",
}


class Api:
    def __init__(self, plant):
        self.plant = plant
        self.master = {}

    def options(self, query, *names):
        return [part for name in names if query.get(name) for part in ("--" + name.replace("_", "-"), query[name])]

    def entry(self, name, query):
        return self.plant.cli("registry", "show", name, *self.options(query, "as_of"))

    def usage_points(self, query):
        words = query.get("search", "").lower()
        rows = []
        for row in self.plant.cli("list", "usage-points"):
            if row["usage_point"] not in self.master:
                self.master[row["usage_point"]] = self.entry(row["usage_point"], {})
            entry = self.master[row["usage_point"]]
            if words in json.dumps(entry).lower():
                rows.append({**row, "tags": entry.get("tags", {})})
        return paged(rows, query)

    def channels(self, query):
        return paged(self.plant.cli("list", "channels", *self.options(query, "usage_point")), query)

    def rows(self, query):
        text = self.plant.cli("query", "--lane", query.get("lane", "vee"), "--format", "ndjson",
                              *self.options(query, "usage_point", "channel", "from", "to", "as_of", "zone", "limit"), text=True)
        return [json.loads(line) for line in text.splitlines()]

    def values(self, query):
        rows = self.rows(query)
        if query.get("shape") != "columns":
            return {"items": rows, "next": None}
        known = {(row["usage_point"], row["channel"]): row for row in self.plant.cli("list", "channels", *self.options(query, "usage_point"))}
        channels = {}
        for row in rows:
            name = row["channel"]
            if name not in channels:
                channel = known[(row["usage_point"], name)]
                channels[name] = {"channel": name, "unit": row["unit"], "kind": channel["kind"], "zone": channel["zone"],
                                  "start": [], "end": [], "value": [], "quality": [], "qualities": [], "band": [], "seen": {}}
            columns = channels[name]
            columns["start"].append(ms(row["start"]))
            columns["end"].append(ms(row["end"]))
            columns["value"].append(row["value"])
            index = columns["seen"].setdefault(row["quality"], len(columns["seen"]))
            if index == len(columns["qualities"]):
                columns["qualities"].append(row["quality"])
            columns["quality"].append(index)
            columns["band"].append(row.get("band"))
        for columns in channels.values():
            del columns["seen"]
        return {"usage_point": query["usage_point"], "lane": query.get("lane", "vee"), "channels": list(channels.values())}

    def explain(self, query):
        return self.plant.cli("explain", *self.options(query, "usage_point", "channel", "at", "lane", "as_of"))

    def completeness(self, query):
        return paged(self.plant.cli("list", "completeness", *self.options(query, "usage_point", "from", "to", "as_of")), query)

    def exceptions(self, query):
        rows = self.plant.cli("list", "exceptions", *self.options(query, "usage_point", "as_of"), *(["--all"] if query.get("state") == "all" else []))
        rows = [row for row in rows if all(row[name] == query.get(name, row[name]) for name in ("check", "channel"))]
        return paged(rows, query)

    def decide(self, body):
        if not body.get("reason"):
            raise Problem(400, "BB-6004", "a reason is needed", field="reason")
        with WRITE:
            done = self.plant.cli("exceptions", body["action"], *[str(number) for number in body["ids"]], "--reason", body["reason"], "--by", "analyst")
        return {"done": [row["id"] for row in done], "values": sum(row["told"] + row["missing"] for row in done)}

    def edit(self, body):
        if not body.get("reason"):
            raise Problem(400, "BB-6004", "a reason is needed", field="reason")
        place = {name: body[name] for name in ("usage_point", "channel")}
        span = {**place, "from": body["at"], "to": body["at"], "lane": "vee"}

        def row():
            at = ms(body["at"])
            near = datetime.datetime.fromtimestamp(at / 1000 - 3600, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            after = datetime.datetime.fromtimestamp(at / 1000 + 1, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            return next((row for row in self.rows({**span, "from": near, "to": after}) if row["end"] == body["at"]), None)

        with WRITE:
            old = row()
            what = ["--withdraw"] if body.get("withdraw") else ["--value=" + str(body["value"])]
            self.plant.cli("edit", *self.options(place, "usage_point", "channel"), "--at", body["at"], *what, "--reason", body["reason"], "--by", "analyst")
            return {**place, "at": body["at"], "old": old, "new": row()}

    def findings(self, query):
        return paged(self.plant.cli("list", "findings", *self.options(query, "usage_point", "check", "as_of")), query)

    def files(self, query):
        return paged(self.plant.files[::-1], query)

    def overview(self, _):
        day = (datetime.datetime.fromisoformat(self.plant.end.replace("Z", "+00:00")) - datetime.timedelta(hours=6)).date()
        rows = self.plant.cli("list", "completeness", "--from", day.isoformat(), "--to", (day + datetime.timedelta(days=1)).isoformat())
        total = collections.Counter()
        for row in rows:
            total.update({name: row[name] for name in ("expected", "present", "estimated", "missing")})
        checks = collections.Counter(row["check"] for row in self.plant.cli("list", "exceptions"))
        readings = sum(row["readings"] for row in self.plant.files)
        size = sum(path.stat().st_size for path in self.plant.data.rglob("*") if path.is_file())
        return {
            "now": now(), "readings_per_second": {"1m": 1240.5, "5m": 1190.2}, "readings_total": readings,
            "stages": [{"stage": "decode", "lag_readings": 0, "oldest_age_s": 0}, {"stage": "derive", "lag_readings": 48211, "oldest_age_s": 2.4},
                       {"stage": "deliver", "lag_readings": 310, "oldest_age_s": 0.8}],
            "workers": [{"stage": "derive", "pid": 4101, "state": "busy"}, {"stage": "derive", "pid": 4102, "state": "busy"}, {"stage": "deliver", "pid": 4110, "state": "idle"}],
            "completeness": {"day": day.isoformat(), **{name: total[name] for name in ("expected", "present", "estimated", "missing")}},
            "exceptions_open": sum(checks.values()), "exceptions_by_check": dict(checks),
            "usage_points": len(self.plant.cli("list", "usage-points")), "channels": len(self.plant.cli("list", "channels")),
            "store_bytes": size * 2 // 3, "log_bytes": size // 3,
        }

    def me(self, _):
        return {"tenant": "default", "role": self.role, "name": "loopback" if self.role == "local" else "key bb_adm_4hJq"}

    role = "local"


METRICS = """# HELP busbar_ingest_readings_total Readings that were told, by what became of them.
# TYPE busbar_ingest_readings_total counter
busbar_ingest_readings_total{tenant="default",result="accepted"} 1534882
busbar_ingest_readings_total{tenant="default",result="rejected"} 3
# HELP busbar_queue_oldest_age_seconds Age of the oldest reading that a stage has not processed.
# TYPE busbar_queue_oldest_age_seconds gauge
busbar_queue_oldest_age_seconds{stage="derive"} 2.4
# HELP busbar_http_request_seconds How long answers took.
# TYPE busbar_http_request_seconds histogram
busbar_http_request_seconds_bucket{le="0.01"} 812
busbar_http_request_seconds_bucket{le="+Inf"} 840
busbar_http_request_seconds_sum 3.81
busbar_http_request_seconds_count 840
"""

CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api = dist = key = None

    def log_message(self, *_):
        pass

    def send(self, status, body, kind, **headers):
        self.send_response(status)
        if len(body) > 512 and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, value, status=200, kind="application/json"):
        self.send(status, json.dumps(value).encode(), kind)

    def answer(self, method):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        try:
            if not path.startswith("/v1/") and path not in ("/metrics", "/livez", "/readyz"):
                return self.asset(path)
            if path in ("/livez", "/readyz"):
                return self.send(200, b"ok\n", "text/plain")
            if self.key and self.headers.get("Authorization") != f"Bearer {self.key}":
                raise Problem(401, "BB-6101", "this route wants a key: Authorization: Bearer bb_ro_...")
            if path == "/metrics":
                return self.send(200, METRICS.encode(), "text/plain; version=0.0.4")
            unknown = set(query) - set(PARAMETERS.get(path, " ".join(query)).split())
            if unknown:
                raise Problem(400, "BB-6002", f"no parameter {unknown.pop()}", known=PARAMETERS[path].split())
            self.route(method, path, query, body)
        except Problem as problem:
            self.send_json({"type": f"urn:busbar:{problem.code}", "title": problem.detail.split(":")[0][:80], "status": problem.status, "code": problem.code,
                            "detail": problem.detail, **problem.more}, problem.status, "application/problem+json")

    def route(self, method, path, query, body):
        api = self.api
        if method == "POST":
            posts = {"/v1/exceptions": api.decide, "/v1/edits": api.edit}
            return self.send_json(posts[path](body))
        single = re.fullmatch(r"/v1/usage-points/([^/]+)", path)
        if single:
            return self.send_json(api.entry(single[1], query))
        if path == "/v1/values" and "text/csv" in self.headers.get("Accept", ""):
            text = api.plant.cli("query", "--lane", query.get("lane", "vee"), "--format", "csv", *api.options(query, "usage_point", "channel", "from", "to", "as_of"), text=True)
            return self.send(200, text.encode(), "text/csv")
        gets = {"/v1/usage-points": api.usage_points, "/v1/channels": api.channels, "/v1/values": api.values, "/v1/explain": api.explain,
                "/v1/completeness": api.completeness, "/v1/exceptions": api.exceptions, "/v1/findings": api.findings, "/v1/files": api.files,
                "/v1/overview": api.overview, "/v1/me": api.me}
        if path not in gets:
            raise Problem(404, "BB-6001", f"there is nothing at {path}")
        self.send_json(gets[path](query))

    def asset(self, path):
        file = self.dist / ("index.html" if path == "/" else path.lstrip("/"))
        if not file.resolve().is_relative_to(self.dist.resolve()) or not file.is_file():
            raise Problem(404, "BB-6001", f"there is nothing at {path}")
        content = file.read_bytes()
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        kind = {".js": "text/javascript", ".svg": "image/svg+xml"}.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self.send(200, content, kind, ETag=etag, Content_Security_Policy=CSP, X_Content_Type_Options="nosniff")

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, type=pathlib.Path)
    parser.add_argument("--dist", required=True, type=pathlib.Path)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="")
    parser.add_argument("--meters", type=int, default=40)
    parser.add_argument("--days", type=int, default=400)
    options = parser.parse_args()
    Handler.api = Api(Plant(options.bin.resolve(), options.work.resolve(), options.meters, options.days))
    Handler.dist = options.dist.resolve()
    Handler.key = options.key
    if options.key:
        Handler.api.role = "admin" if options.key.startswith("bb_adm_") else "reader"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
