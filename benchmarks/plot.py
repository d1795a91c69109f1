"""The figures as a picture; run with the benchmarks' own environment."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

NAMES = {
    "ours": "Usage Ledger",
    "floor": "decode and COPY alone",
    "dlt_arrow_parquet": "dlt, Arrow and ADBC",
    "dlt_rows_csv": "dlt, rows as CSV",
    "dlt_rows": "dlt, rows",
    "pandas": "pandas",
}
"""What a person would pick instead; the other figures are in the table alone."""


def main(source: str, target: str) -> None:
    known = json.loads(Path(source).read_text(encoding="utf-8"))
    matplotlib.rcParams["svg.hashsalt"] = "usage-ledger"
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    ordered = sorted((one for one in known["seconds"].items() if one[0] in NAMES), key=lambda one: -one[1])
    bars = left.barh([NAMES[name] for name, _ in ordered], [seconds for _, seconds in ordered], color="#7b8794")
    bars[[name for name, _ in ordered].index("ours")].set_color("#0b6e99")
    left.bar_label(bars, fmt="%.1f s", padding=3)
    left.set_title(f"{known['rows']:,} rows")
    left.spines[["top", "right"]].set_visible(False)
    rows = [int(count) for count in known["growth"]]
    right.plot(rows, list(known["growth"].values()), marker="o", color="#0b6e99")
    right.set(title="Seconds by rows", xlim=(0, None), ylim=(0, None))
    right.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    right.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
