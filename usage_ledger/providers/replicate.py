"""Replicate: predictions, added up to days: how many ran, for how long, and the units that they are billed by.

Measures: predictions and compute seconds (`/predictions`; there is no usage or billing endpoint). Seconds are
`metrics.predict_time`, else from start to completion. Compute time is not billed time: set-up and idle time are in no
record, and official models are priced otherwise; so no money is given.
Grain: a local day of `created_at` x model, version, deployment, status and source. Hardware is that of the
deployment's current release; without a deployment it is not given.
Units: seconds as decimals; what official models are billed by as sent: tokens (in two spellings), characters, images,
videos with their seconds and pixels, seconds of audio, other results, steps of training. Resolution is not read.
Limits: 100 records a page, newest first: a request covers one day; addresses of next pages are followed on this
host alone, over TLS.
Lag: none, but predictions change until they end, and one that is deleted by hand vanishes: whole days are replaced,
three days are read again, and a day with predictions that have no `completed_at` is not settled. `created_at` may
differ by milliseconds between two readings: over midnight, runs of single days may count a prediction on both dates
until the look-back reads the first one again. Trainings are not read.
Privacy: inputs, outputs, logs, errors and addresses are cut before anything is stored.
Source: https://replicate.com/docs/reference/http. Last checked: 2026-11-21.
"""

from datetime import timedelta
from functools import partial

from usage_ledger import model as m
from usage_ledger.providers.refusals import REPLICATE as REFUSALS

PAGING = m.Link("next")
METRICS = ("total_time", "tokens_per_second", "time_to_first_token", "resolution_target", "with_audio")
metric = partial(m.Meter, absent="null")
KINDS = m.dimensions(channel="source", variant="metrics/model_variant")
HARDWARE = m.Lookup(
    "accelerator", "deployment", items="results", id=("owner", "name"), value="current_release/configuration/hardware"
)
SECONDS = m.Meter(
    "compute_seconds",
    "metrics/predict_time",
    "decimal",
    absent="null",
    exact=False,
    double=True,
    elapsed=("started_at", "completed_at"),
)
TOKENS = (
    metric("input_tokens", "metrics/input_token_count", spellings=("metrics/token_input_count",)),
    metric("output_tokens", "metrics/output_token_count", spellings=("metrics/token_output_count",)),
)
STEPS = metric("training_steps", "metrics/training_step_count")
runs = partial(
    m.RowSet,
    path="results",
    table="usage_daily",
    when=m.Moment("created_at", event_id="id", completion="completed_at"),
    ignored=("deadline", "data_removed", *(f"metrics/{name}" for name in METRICS)),
)
PREDICTIONS = runs(
    constants=(("usage_type", "serverless"),),
    dimensions=(
        *m.dimensions(model="model", model_version="version", deployment="deployment", status="status"),
        *KINDS,
        HARDWARE,
    ),
    meters=(
        m.Count("requests"),
        SECONDS,
        *TOKENS,
        metric("images", "metrics/image_output_count"),
        metric("characters", "metrics/character_input_count", plus=("metrics/character_output_count",)),
        metric("audio_seconds", "metrics/audio_output_duration_seconds", "decimal", exact=False, double=True),
        metric("video_seconds", "metrics/video_output_duration_seconds", "decimal", exact=False, double=True),
        metric("videos", "metrics/video_output_count"),
        metric("video_pixels", "metrics/video_output_total_pixel_count"),
        metric("results", "metrics/generic_output_count", plus=("metrics/audio_output_count",)),
        STEPS,
    ),
)
TRAININGS = runs(
    constants=(("usage_type", "training"),),
    dimensions=(*m.dimensions(model="model", model_version="version", status="status"), *KINDS),
    meters=(m.Count("requests"), SECONDS, *TOKENS, STEPS),
)
CUT = ("input", "output", "logs", "error", "urls", "webhook", "webhook_events_filter", "webhook_completed")

REPLICATE = m.Provider(
    name="replicate",
    title="Replicate",
    base_url="https://api.replicate.com",
    hosts=("api.replicate.com",),
    accounts=m.Listing(m.Request("/v1/account"), "", "username", "account", single=True),
    account=m.Setting("account", "Account", "The user or organization that the token belongs to."),
    requests_per_minute=1200,
    docs="https://replicate.com/docs/reference/http#predictions.list",
    key_help="an API token, r8_… (replicate.com/account/api-tokens); it can run models too, so keep it well",
    error_messages=("detail", "title"),
    refusals=REFUSALS,
    reports=(
        m.Report(
            name="predictions",
            source=m.HttpPages(
                m.Request("/v1/predictions", (("created_after", "{start}"), ("created_before", "{end}"))),
                PAGING,
                lookup=m.Listing(m.Request("/v1/deployments"), "results", "name", "deployment", PAGING),
            ),
            row_sets=(PREDICTIONS,),
            longest=timedelta(days=1),
            cut=(*(f"results/*/{name}" for name in CUT), "results/*/current_release/created_by"),
            ignored=("previous",),
        ),
        m.Report(
            name="trainings",
            source=m.HttpPages(m.Request("/v1/trainings"), PAGING),
            may_be_absent=True,
            row_sets=(TRAININGS,),
            cut=tuple(f"results/*/{name}" for name in CUT),
            ignored=("previous",),
        ),
        m.Report(name="hardware", source=m.HttpPages(m.Request("/v1/hardware")), row_sets=(), snapshot=True),
    ),
)
