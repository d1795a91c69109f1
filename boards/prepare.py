"""Make Superset's own database, roles and one administrator; run by the Python of `.venv-boards`, in one process.

The password comes through the environment: a command line is there for every user of the machine to read.
"""

import os

from flask_migrate import upgrade
from superset.app import create_app


def main() -> None:
    app = create_app()
    with app.app_context():
        upgrade()
        from superset import appbuilder, db, security_manager

        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        db.session.commit()
        security_manager.add_user(
            username="admin",
            first_name="Usage",
            last_name="Ledger",
            email="admin@localhost",
            role=security_manager.find_role("Admin"),
            password=os.environ["BOARDS_PASSWORD"],
        )
        db.session.commit()


if __name__ == "__main__":
    main()
