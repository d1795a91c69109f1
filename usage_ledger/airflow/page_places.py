"""Where Airflow's UI shows the Usage page. Every process of Airflow reads this, so that it imports nothing."""

from typing import Any

STATIC = "usage-ledger/static"


def react_apps() -> list[dict[str, Any]]:
    """The page in the side bar, a tab on each Dag and on each of its runs, and a panel on the home page.

    Addresses are relative, so that they hold for an Airflow below a path. The shim knows by its properties where it is.
    """
    shim = {"bundle_url": f"{STATIC}/shim.js"}
    icons = {"icon": f"{STATIC}/icon.svg", "icon_dark_mode": f"{STATIC}/icon-dark.svg"}
    page = {"name": "Usage"} | shim | icons
    return [
        page | {"destination": "nav", "url_route": "usage", "nav_top_level": True},
        page | {"destination": "dag", "url_route": "usage_of_dag"},
        page | {"destination": "dag_run", "url_route": "usage_of_run"},
        {"name": "Usage today", "destination": "dashboard", "url_route": "usage_today"} | shim,
    ]
