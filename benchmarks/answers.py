"""A `billingUsage` answer of any size, the same for the same seed, and a server that sends it."""

import argparse
import json
import random
import sys
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FIRST = date(2026, 10, 1)
DAYS = 31
MODELS = 65


def write(path: Path, rows: int, seed: int = 7, *, change_every: int = 0) -> int:
    """Write an answer of about so many rows, a month of days; returns how many there are.

    With `change_every` of 100 every hundredth row has one token more than without.
    """
    drawn = random.Random(seed)  # noqa: S311  figures, no secrets
    keys = max(1, round(rows / DAYS / MODELS))
    with path.open("w", encoding="utf-8") as file:
        file.write('{"serverlessCosts": [')
        separator, number = "", 0
        for day in (FIRST + timedelta(days=n) for n in range(DAYS)):
            for key in range(keys):
                for model in range(MODELS):
                    row = _row(day, key, model, drawn)
                    if change_every and number % change_every == 0:
                        row["completionTokens"] = str(int(str(row["completionTokens"])) + 1)
                    file.write(separator + json.dumps(row))
                    separator, number = ", ", number + 1
        file.write('], "dedicatedCosts": [], "trainingCosts": []}')
    return DAYS * keys * MODELS


def _row(day: date, key: int, model: int, drawn: random.Random) -> dict[str, object]:
    prompt = drawn.randint(1_000, 50_000_000)
    cached = drawn.randint(0, prompt)
    return {
        "startTime": f"{day}T00:00:00Z",
        "endTime": f"{day + timedelta(days=1)}T00:00:00Z",
        "modelName": f"accounts/fireworks/models/model-{model}",
        "apiKeyId": f"key_{key:08d}",
        "promptTokens": str(prompt),
        "cachedPromptTokens": str(cached),
        "uncachedPromptTokens": str(prompt - cached),
        "completionTokens": str(drawn.randint(1, 5_000_000)),
        "audioInputSeconds": 0,
        "costNanoUsd": 0,
        "usageType": "TEXT_COMPLETION_INFERENCE_USAGE",
        "group": {
            "model_name": f"accounts/fireworks/models/model-{model}",
            "api_key_id": f"key_{key:08d}",
            "api_key_name": f"service {key}",
            "annotations.team": f"team-{key % 7}",
            "annotations.project": "",
            "annotations.environment": "production",
        },
    }


def serve(path: Path) -> None:
    """Answer every request with the file, but for the account's own, which prove the key; prints the port."""
    accounts = {
        "/v1/accounts": b'{"accounts": [{"name": "accounts/bench"}]}',
        "/v1/organizations/me": b'{"id": "bench", "type": "organization", "name": "bench"}',
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            account = accounts.get(self.path.partition("?")[0])
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(account) if account else path.stat().st_size))
            self.end_headers()
            if account:
                self.wfile.write(account)
                return
            with path.open("rb") as file:
                self.connection.sendfile(file)

        def log_message(self, *_: object) -> None:
            """Nothing: the figures go to standard output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    serve(parser.parse_args().path)
