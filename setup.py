"""Puts SQL, data contracts, public prices and boards into a wheel. They are written in folders of the checkout, beside
the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("include/sql", "include/prices", "data_contracts", "boards/superset")
FILES = ("include/owners.yaml", "include/budgets.yaml")


class BuildWithFolders(build_py):
    """An editable install reads the checkout's own folders, so that it gets no copy."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for folder in FOLDERS:
                copy = Path(self.build_lib, "usage_ledger", folder)
                shutil.rmtree(copy, ignore_errors=True)  # of an earlier build, with files that are gone since
                shutil.copytree(folder, copy)
            for name in FILES:
                shutil.copyfile(name, Path(self.build_lib, "usage_ledger", name))


setup(cmdclass={"build_py": BuildWithFolders})
