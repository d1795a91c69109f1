"""A mutant whose text is no longer in the code breaks nothing, and would count as noticed or not by chance."""

from pathlib import Path

import pytest
from mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_takes_away_is_there(mutant: Mutant) -> None:
    for path, text, other in mutant.edits:
        assert text in (ROOT / path).read_text(encoding="utf-8"), path
        assert text != other
