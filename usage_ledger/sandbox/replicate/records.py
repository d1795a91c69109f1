"""A prediction as the API writes it.

Records hold what a customer would not want stored: the texts, logs and addresses all contain `PROMPT-CANARY`.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from usage_ledger.sandbox.kit.serving import Json
from usage_ledger.sandbox.kit.streams import stable
from usage_ledger.sandbox.replicate.predictions import FINAL_AFTER, MICROSECOND, Prediction

CANARY = "PROMPT-CANARY"
_API = "https://api.replicate.com/v1"
_RETENTION = timedelta(hours=1)


def record_of(prediction: Prediction, now: datetime) -> Json:
    """One prediction as it is at `now`."""
    status, identity = prediction.status_at(now), prediction.prediction_id
    lot, ended = stable("record", identity), now - prediction.created_at >= FINAL_AFTER
    digits, tail = prediction.run_digits, prediction.run_tail
    started = prediction.started_at if status != "starting" else None
    # Only what came by API is removed; the website keeps its runs.
    removed = ended and prediction.source == "api" and now - prediction.completed_at >= _RETENTION
    record: Json = {"id": identity, "model": prediction.model.name, "version": prediction.version}
    if prediction.deployment:
        record["deployment"] = prediction.deployment
    record |= {
        "source": prediction.source,
        "status": status,
        "created_at": _written(prediction.created_at, prediction.digits, prediction.tail),
        "started_at": _written(started, digits, tail) if started else None,
        "completed_at": _written(prediction.completed_at, digits, tail) if ended else None,
    }
    metrics = _metrics(prediction) if ended else {}
    # Absent values are sent in three ways; for an aborted prediction always as an empty object.
    shape = lot % 3 if not metrics and status != "aborted" else 0
    if shape != 2:
        record["metrics"] = None if shape == 1 else metrics
    record |= {"input": {}, "output": None, "logs": None} if removed else _private(prediction, status, lot)
    message = f"{CANARY} is not an image"
    failed = {"detail": message} if lot % 5 == 0 else message
    record |= {"error": failed if status == "failed" else None, "data_removed": removed}
    address = f"{_API}/predictions/{identity}"
    record["urls"] = {
        "get": address,
        "cancel": f"{address}/cancel",
        "web": f"https://replicate.com/p/{identity}",
        "stream": f"https://stream.replicate.com/v1/files/{CANARY}-{identity}",
    }
    return record


def _written(instant: datetime, digits: int, tail: int) -> str:
    fraction = f"{instant.microsecond:06d}{tail:02d}"[:digits]
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def _number(units: int, places: int) -> Decimal | int:
    """An exact decimal without trailing zeros."""
    whole, rest = divmod(units, 10**places)
    fraction = f"{rest:0{places}d}".rstrip("0")
    return Decimal(f"{whole}.{fraction}") if fraction else whole


def _metrics(prediction: Prediction) -> Json:
    entries: Json = {}
    if prediction.predict_nanos is not None:
        total = max((prediction.completed_at - prediction.created_at) // MICROSECOND, 0)
        entries = {"predict_time": _number(prediction.predict_nanos, 9), "total_time": _number(total, 6)}
    counts = {"input_token_count": prediction.input_tokens, "output_token_count": prediction.output_tokens}
    entries |= {name: count for name, count in counts.items() if count is not None}
    if prediction.output_tokens is not None:
        entries |= {"tokens_per_second": Decimal("151.4"), "time_to_first_token": Decimal("0.19")}
    elif not prediction.model.own and entries:
        entries["image_count"] = 1
    return entries


def _private(prediction: Prediction, status: str, lot: int) -> Json:
    """What the customer sent and got. Its texts look like JSON, to mislead a reader that searches text."""
    prompt = f'{CANARY} "status": "succeeded", {{"predict_time": 99}}]}} \\ \u2028 {prediction.prediction_id}'
    sent = {"prompt": prompt, "metrics": {"predict_time": 99, "note": CANARY}, "id": CANARY, "created_at": CANARY}
    output: tuple[object, ...] = (
        [CANARY, " tells", " a story"],
        f"https://replicate.delivery/{CANARY}/out.png",
        {"text": CANARY, "results": [{"id": CANARY}]},
    )
    logs: Json = {} if lot % 4 == 0 else {"logs": f"{CANARY}\nusing seed {lot % 1000}\n"}
    return {"input": sent, "output": output[lot % 3] if status == "succeeded" else None, **logs}
