"""The words of the price book: what a bill charges for, in which units it is sold, and in which currencies."""

import re
from decimal import Decimal

_TIME = {"second": 1, "minute": 60, "hour": 3600}
_STORED = {"byte hour": 1, "GB hour": 10**9, "GiB hour": 2**30, "GB day": 24 * 10**9, "GiB day": 24 * 2**30}
_TOKENS = (
    "uncached_input_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_tokens",
    "audio_input_tokens", "cached_audio_input_tokens", "image_input_tokens", "cached_image_input_tokens",
    "output_tokens", "audio_output_tokens", "image_output_tokens", "tokens", "training_tokens",
)  # fmt: skip

UNITS: dict[str, dict[str, int]] = {
    **{meter: {"token": 1} for meter in _TOKENS},
    **dict.fromkeys(("audio_seconds", "video_seconds", "accelerator_seconds", "compute_seconds"), _TIME),
    "images": {"image": 1},
    "videos": {"video": 1},
    "characters": {"character": 1},
    "requests": {"request": 1},
    "sessions": {"session": 1},
    "web_searches": {"search": 1},
    "tool_calls": {"call": 1},
    "storage_byte_hours": _STORED,
}
"""Every meter of a bill, and the units that it is sold in: how many of the meter each is."""

_PER = re.compile(r"(?:(?P<count>[1-9][0-9]*)(?P<letter>[KM]?) )?(?P<unit>[A-Za-z]+(?: [a-z]+)?)")
_LETTERS = {"": 1, "K": 1000, "M": 10**6}

_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE"
    " CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ"
    " GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL"
    " LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR"
    " PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY"
    " TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES = frozenset(_CODES.split())
"""The codes of ISO 4217."""


def per_of(text: str, meter: str) -> Decimal | None:
    """How many of the meter `1M tokens`, `1K images`, `hour` are; None where it is not sold so."""
    match = _PER.fullmatch(text)
    if not match:
        return None
    units = UNITS[meter]
    unit = match["unit"]
    size = next((units[one] for one in (unit, unit.removesuffix("s"), unit.removesuffix("es")) if one in units), None)
    return None if size is None else Decimal(int(match["count"] or 1) * _LETTERS[match["letter"] or ""] * size)


def units_of(meter: str) -> str:
    """What a message offers for a meter."""
    return ", ".join(f"`1M {unit}s`" if unit == "token" else f"`1 {unit}`" for unit in UNITS[meter])
