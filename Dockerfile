# The image of every Airflow service of docker-compose.yaml: the official one, plus this project (target `project`), for
# Compose, which mounts Dags, SQL, contracts and connections; with them inside (target `baked`) for Kubernetes.
# Smaller, for the pods of tasks alone, without what schedules them and what serves pages:
#   docker build --target baked --build-arg AIRFLOW=slim-3.3.2-python3.11 --build-arg SIGNERS=bedrock --build-arg EXTRAS=s3 .
ARG AIRFLOW=3.3.2-python3.11
FROM apache/airflow:${AIRFLOW} AS project
# The clouds whose requests tasks sign; raw storage, executor, and who is notified.
ARG SIGNERS=bedrock,azure,vertex
ARG EXTRAS=s3,celery,notify

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
    && pip install --no-cache-dir --constraint /tmp/airflow-pins.txt --constraint /tmp/lock-pins.txt --editable ".[${SIGNERS}]" \
    && pip install --no-cache-dir --constraint /tmp/airflow-pins.txt --editable ".[${EXTRAS}]" \
    && test -z "$(comm -23 /tmp/airflow-pins.txt <(pip list --format=freeze | sort))" \
    && rm /tmp/airflow-pins.txt /tmp/lock-pins.txt

COPY --chown=airflow:root usage_ledger usage_ledger
# Airflow imports it from there: a Celery worker loads once what each of its forked tasks needs.
COPY --chown=airflow:root usage_ledger/airflow/airflow_local_settings.py config/

# Compiled once here, and not in each pod. Airflow loads our entry points at every start, so a package that does not
# import must fail here and not there.
RUN python -m compileall -q usage_ledger && airflow version && usage-ledger --help > /dev/null

FROM project AS baked
COPY --chown=airflow:root dags dags
COPY --chown=airflow:root include include
COPY --chown=airflow:root data_contracts data_contracts
