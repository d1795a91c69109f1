"""Which models a price of the book is for."""

from usage_ledger.providers import PROVIDERS

PREFIX = "%"
"""How the model of a price ends that is for every id that begins so."""


def family_of(provider: str, model: str) -> str:
    """The family that a price of the model is for; '' for none."""
    if model.endswith(PREFIX) or provider not in PROVIDERS:
        return ""
    return PROVIDERS[provider].family(model) if model else ""


def fits(price_model: str, price_family: str, model: str, family: str) -> bool:
    """Whether a price is for the model: by its id, its family, or as a prefix."""
    if price_model.endswith(PREFIX):
        return model.startswith(price_model.removesuffix(PREFIX))
    return price_model == model or (price_family != "" and price_family == family)
