"""Microsoft's own client of Azure Monitor, as an oracle: it asks the stand-in, and reads the same bytes as we do.

azure-core refuses a bearer token over plain http; so the client speaks https to a transport that asks over loopback.
"""

import json
from datetime import datetime
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import httpx
from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest._http_response_impl import HttpResponseImpl
from azure.core.utils import CaseInsensitiveDict
from azure.mgmt.monitor import MonitorManagementClient

FOREVER = 9_999_999_999


class Token:
    """A credential that has one token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(self._token, FOREVER)

    def get_token_info(self, *_: str, **__: Any) -> AccessTokenInfo:
        return AccessTokenInfo(self._token, FOREVER)


class Through(HttpTransport):  # type: ignore[type-arg]
    """Sends a request to another address, or answers it with bytes of a fixture; notes what was asked."""

    def __init__(self, address: str = "", body: bytes = b"") -> None:
        self._address, self._body = address, body
        self.urls: list[httpx.URL] = []
        self.answers: list[bytes] = []

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Nothing to close."""

    def send(self, request: Any, **_: Any) -> Any:
        url = httpx.URL(request.url)
        self.urls.append(url)
        body, status = self._body, 200
        if self._address:
            headers = {"Authorization": request.headers["Authorization"]}
            path = f"{self._address}{url.raw_path.decode()}"
            response = httpx.request(request.method, path, headers=headers, trust_env=False)
            body, status = response.content, response.status_code
        self.answers.append(body)
        return HttpResponseImpl(
            request=request,
            internal_response=BytesIO(body),
            status_code=status,
            reason="",
            content_type="application/json; charset=utf-8",
            headers=CaseInsensitiveDict({"Content-Type": "application/json; charset=utf-8"}),
            stream_download_generator=lambda *_, **__: iter([body]),
        )


def monitor(through: Through, token: str, subscription: str = "") -> MonitorManagementClient:
    """Microsoft's client, whose requests go through `through`."""
    return MonitorManagementClient(Token(token), subscription, transport=through)  # type: ignore[arg-type]


def points_of(answer: Any) -> dict[tuple[str, tuple[tuple[str, str], ...], datetime], float | None]:
    """What Microsoft's client read: the total of each metric, series and instant."""
    return {
        (
            metric.name.value,
            tuple((one.name.value, one.value) for one in series.metadatavalues or ()),
            point.time_stamp,
        ): point.total
        for metric in answer.value
        for series in metric.timeseries
        for point in series.data or ()
    }


def access_token(url: str, tenant: str, client_id: str, secret: str) -> str:
    """A token of the stand-in's, for an application's secret."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
        "scope": "https://management.azure.com/.default",
    }
    response = httpx.post(f"{url}/{tenant}/oauth2/v2.0/token", data=form, trust_env=False)
    return str(json.loads(response.content)["access_token"])
