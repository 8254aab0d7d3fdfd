# One image for the site, its worker and its beat; `--target simulator` adds what the simulated gateways use.
FROM python:3.11-slim AS site
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update && apt-get install -y --no-install-recommends libfribidi0 postgresql-client && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/handover
COPY requirements/base.txt requirements/
RUN pip install --require-hashes -r requirements/base.txt
COPY manage.py ./
COPY config config
COPY lib lib
COPY tenants tenants
COPY devices devices
COPY telemetry telemetry
COPY provisioning provisioning
COPY templates templates
COPY static static
RUN DEMO=1 python manage.py collectstatic --noinput --verbosity 0 \
    && useradd --system --uid 10001 --home-dir /srv/handover handover \
    && install -d -o handover -m 0700 var
USER handover
EXPOSE 8000
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--timeout-graceful-shutdown", "5", \
     "--no-proxy-headers", "--no-server-header", "--no-access-log", "--http", "config.connections:Connection"]

FROM site AS simulator
USER root
COPY requirements/demo.txt requirements/
RUN pip install --require-hashes -r requirements/demo.txt
COPY firmware_sim firmware_sim
USER handover
ENTRYPOINT ["python", "-m", "firmware_sim"]

FROM site
