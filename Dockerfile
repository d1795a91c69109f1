# The image of every Airflow service of docker-compose.yaml: the official one, plus this project.
FROM apache/airflow:3.3.2-python3.11

WORKDIR /opt/airflow
COPY --chown=airflow:root pyproject.toml requirements.lock README.md LICENSE ./

# Airflow stays as the image ships it. Core, task SDK and providers were built and tested as one set, and the metadata
# database belongs to exactly that version, so every apache-airflow distribution found here becomes a constraint: a
# dependency of ours that wants another one stops the build instead of upgrading Airflow silently. All else that the
# project itself needs comes at the versions that its tests ran with (requirements.lock; without its hashes, because
# pip cannot check them beside an editable install), and so do the vendors' libraries that sign requests. The other
# extras come second, without the lock, which does not hold them: nearly all that they name is in the image already.
# The image's own ~/constraints.txt is not used: it also pins hundreds of libraries that Airflow's core does not need,
# some of them (pandas, pyarrow) below what this project needs.
# The comparison at the end proves it: nothing of Airflow was replaced or removed.
#
# Editable, because the package finds include/ and data_contracts/ beside itself, where compose mounts them; and with
# an empty package first, so that a change of our code does not install every dependency again.
SHELL ["/bin/bash", "-o", "pipefail", "-euc"]
RUN mkdir usage_ledger && touch usage_ledger/__init__.py \
    && pip list --format=freeze | grep '^apache-airflow' | sort > /tmp/airflow-pins.txt \
    && sed -n 's/^\([A-Za-z0-9][^ ]*==[^\\]*\)\\$/\1/p' requirements.lock | grep -v '^apache-airflow' > /tmp/lock-pins.txt \
    && pip install --no-cache-dir --constraint /tmp/airflow-pins.txt --constraint /tmp/lock-pins.txt --editable '.[bedrock,azure,vertex]' \
    && pip install --no-cache-dir --constraint /tmp/airflow-pins.txt --editable '.[s3,celery,notify]' \
    && test -z "$(comm -23 /tmp/airflow-pins.txt <(pip list --format=freeze | sort))" \
    && rm /tmp/airflow-pins.txt /tmp/lock-pins.txt

COPY --chown=airflow:root usage_ledger usage_ledger
# Airflow imports it from there: a Celery worker loads once what each of its forked tasks needs.
COPY --chown=airflow:root usage_ledger/airflow/airflow_local_settings.py config/

# Airflow loads our entry points at every start, so a package that does not import must fail here and not there.
RUN airflow version && usage-ledger --help > /dev/null
