"""A mutant whose text is no longer in the code breaks nothing, and would count as noticed or not by chance."""

from pathlib import Path

import pytest
from mutants import MUTANTS, Mutant, selected, text_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_a_mutant_takes_away_is_there(mutant: Mutant) -> None:
    for path, text, other in mutant.edits:
        text_of(mutant, ROOT, path, text)
        assert text != other


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_test_of_a_mutant_is_in_the_files_that_are_run(mutant: Mutant) -> None:
    texts = [Path(path).read_text(encoding="utf-8") for path in selected(mutant.tests)]
    for name in mutant.tests.split(" or "):
        assert any(f"def {name}" in text for text in texts), name


@pytest.mark.parametrize(
    ("path", "state"),
    [("README.md", "README.md does not contain this text"), ("nowhere.py", "nowhere.py does not exist")],
)
def test_a_text_that_is_not_there_is_named_with_its_mutant_and_file(path: str, state: str) -> None:
    mutant = Mutant("no lock", ((path, "no such text\nat all", "x"),), "test_c1_")
    with pytest.raises(SystemExit, match="Mutant 'no lock' cannot be made") as error:
        text_of(mutant, ROOT, path, "no such text\nat all")
    assert state in str(error.value)
    assert str(error.value).endswith("tests/mutants.py.\nno such text\nat all")
