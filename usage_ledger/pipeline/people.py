"""What of people is dropped or replaced while a report's pages are landed."""

import msgspec

from usage_ledger.core.contract_errors import Shape
from usage_ledger.http.page import Page, Role
from usage_ledger.json.packed import Packed
from usage_ledger.json.problems import problem_of
from usage_ledger.json.scrub import Keep, Scrubber
from usage_ledger.model.provider import Report
from usage_ledger.reading.declared import ignored_paths, read_paths
from usage_ledger.storage.manifest import Manifest
from usage_ledger.storage.staged import Note

MOST = 100
"""Fields that a manifest names: one per row would be no news."""

DECLARE = "nothing is lost that was read before; declare the field if it should be read"


class People:
    """Scrubs the pages of one load, each role by its own rules, and says what came of it.

    Of lists of people and keys, and of lists that requests are repeated for, only declared fields are kept. Everywhere
    else an e-mail address outside of what is read becomes its pseudonym, unless people are `clear`.
    """

    def __init__(self, report: Report, *, clear: bool) -> None:
        self._report, self._clear = report, clear
        self.pseudonyms = () if clear else report.pseudonyms
        self._scrubbers: dict[Role, Scrubber] = {}

    def scrub(self, page: Page) -> bytes | Packed:
        """The page's body as it may be stored. Raises `ConfigError`, and `Shape` for one in which people could stay."""
        if page.role not in self._scrubbers:
            self._scrubbers[page.role] = self._scrubber(page.role)
        try:
            return self._scrubbers[page.role].scrub(page.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Shape(f"the answer cannot be read: {problem_of(error)}") from None

    @property
    def keep(self) -> list[str]:
        """The paths which alone were kept."""
        keeps = [keep for role in self._scrubbers if (keep := self._keep_of(role))]
        return sorted({path for keep in keeps for path in keep.whole | keep.scalars})

    @property
    def dropped(self) -> list[str]:
        """The undeclared fields that rows had and that were dropped."""
        partial = any(row_set.allow_extra_fields for row_set in self._report.row_sets)
        return [] if partial or "rows" not in self._scrubbers else self._scrubbers["rows"].dropped[:MOST]

    @property
    def addresses(self) -> list[str]:
        """The undeclared fields in which an address was replaced."""
        return sorted({place for one in self._scrubbers.values() for place in one.replaced})[:MOST]

    def _scrubber(self, role: Role) -> Scrubber:
        read = None if self._clear else read_paths(self._report, role)
        return Scrubber(self._report.cut, self.pseudonyms, self._keep_of(role), read)

    def _keep_of(self, role: Role) -> Keep | None:
        if role == "listing" or (role == "rows" and self._report.lists_people):
            return Keep(read_paths(self._report, role), ignored_paths(self._report, role))
        return None


def notes_of_landing(manifest: Manifest) -> list[Note]:
    """A note for each undeclared field that was dropped, or in which addresses were replaced."""
    notes = [
        Note("unknown_field", f"the list holds `{field}`, which is not declared; it was not stored", DECLARE)
        for field in manifest.dropped
    ]
    notes += [
        Note("address_replaced", f"`{field}` is not declared and held e-mail addresses; pseudonyms are stored", DECLARE)
        for field in manifest.addresses
    ]
    return notes
