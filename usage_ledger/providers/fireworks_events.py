"""The file of `firectl billing export-metrics`: one line for each event, in days of UTC.

It has no key, no tag, no money, no seconds of audio, and no deployment. Older files lack the last two columns.
Source: https://docs.fireworks.ai/accounts/exporting-billing-metrics. Last checked: 2026-11-28.
"""

from usage_ledger import model as m

EVENTS = m.EventFile(
    command="firectl billing export-metrics",
    begins="start_time",
    ends="end_time",
    instant="%Y-%m-%d %H:%M:%S UTC",
    counts=("prompt_tokens", "completion_tokens"),
    decimals=("accelerator_seconds",),
    split=m.Split("prompt_tokens", "cached_prompt_tokens", "uncached_prompt_tokens"),
    people=("email",),
    others=("model_bucket", "parameter_count"),
    sums=(
        m.EventSum(
            usage_types=("dedicated", "training"),
            dimensions=(("model", "base_model_name"), ("accelerator", "accelerator_type")),
            meters=(("accelerator_seconds", "accelerator_seconds"),),
            where="accelerator_type",
        ),
        m.EventSum(
            usage_types=("serverless",),
            dimensions=(("model", "base_model_name"), ("operation", "usage_type")),
            meters=(
                ("input_tokens", "prompt_tokens"),
                ("cached_input_tokens", "cached_prompt_tokens"),
                ("output_tokens", "completion_tokens"),
            ),
        ),
    ),
)
