"""One file: environment variables over defaults. `DEMO=1` (what `make demo` and the tests set) runs from a clone;
without it this is production, which refuses to start with a default secret."""

from __future__ import annotations

import gc
import re
from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import environment
from lib.outgoing import addresses
from lib.trusted_proxies import read_networks

gc.disable()  # until config.apps says that all is loaded: to look through it again and again is a quarter of a start

BASE_DIR = Path(__file__).resolve().parent.parent
env = environment.load()
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
DEMO = env.bool("DEMO", default=False)
DEBUG = False

METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
"""Who sends it reads /metrics of the site; empty: nobody does."""
METRICS_HOST = env.str("METRICS_HOST", default="127.0.0.1")
METRICS_PORT = env.int("METRICS_PORT", default=0)
"""Where workers, gates and interpreters serve their own metrics, to whoever reaches it; 0: nowhere."""

INSECURE_SECRET = "only-for-the-demo-on-this-machine-never-for-production"  # noqa: S105
SECRET_KEY = env.str("SECRET_KEY", default=INSECURE_SECRET)
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
if not DEMO and SECRET_KEY == INSECURE_SECRET:
    raise ImproperlyConfigured("Set SECRET_KEY to a secret of your own (or DEMO=1 to try Handover out).")


def refuse_weak(name: str, secret: str, length: int) -> None:
    """Raise if a guess could find it: too short, of few different characters, or an example's."""
    known = re.search(r"django-insecure|change.?me|your.?secret|placeholder|example|handover", secret, re.IGNORECASE)
    if len(secret) < length or len(set(secret)) < 10 or known:
        raise ImproperlyConfigured(
            f"{name} can be guessed. Give {length} random characters or more: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"
        )


if METRICS_TOKEN and not DEMO:
    refuse_weak("METRICS_TOKEN", METRICS_TOKEN, 20)
if not DEMO:
    for secret_key in (SECRET_KEY, *SECRET_KEY_FALLBACKS):
        refuse_weak("SECRET_KEY", secret_key, 50)

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"] if DEMO else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

DATA_UPLOAD_MAX_NUMBER_FIELDS = 4_000  # a recipe with 200 attributes has 2,000 and more
ANONYMOUS_BODY_BYTES = env.int("ANONYMOUS_BODY_BYTES", default=64 << 10)
BODY_BYTES = env.int("BODY_BYTES", default=2_621_440)
"""The largest body of a request from whoever is not signed in, and from people; a file's is IMPORT_MAX_BYTES."""
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_BYTES
BODY_SECONDS = env.float("BODY_SECONDS", default=30.0)
BODY_RATE = env.int("BODY_RATE", default=16_384)
"""A body has so many seconds to come, and one more for each so many bytes of it."""
UPLOADS_PERSON = env.int("UPLOADS_PERSON", default=2)
UPLOADS_ORGANISATION = env.int("UPLOADS_ORGANISATION", default=4)
"""Files that one process takes from one at once."""
DRAIN_SECONDS = env.float("DRAIN_SECONDS", default=0.0)
"""How long the site, told to stop, goes on while it says that it is not ready: until a balancer asks others."""
HEAD_SECONDS = env.float("HEAD_SECONDS", default=10.0)
"""A connection on which no request came for so long is closed; an answer that nobody reads, after six times that."""

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "treebeard",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "csp",
    "tenants",
    "devices",
    "telemetry",
    "provisioning",
    "config",
]

MIDDLEWARE = [
    "config.middleware.Metrics",
    "config.middleware.Compression",
    "config.middleware.Connections",
    "config.middleware.Heads",
    "django.middleware.security.SecurityMiddleware",
    "lib.device_facing.DeviceFacing",
    "config.middleware.ContentPolicy",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "config.middleware.PrivatePages",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.middleware.Addresses",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.LogWho",
    "tenants.accounts.middleware.Activity",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tenants.accounts.middleware.SecondFactor",
    "lib.refusal_pages.RefusalPages",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "lib.rendering.folding.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.organisations.context.organisation",
                *(
                    [
                        "config.demo.sign_in.offer_accounts",
                        "config.demo.door_commands.offer_command",
                        "config.demo.hooks.explain_receivers",
                    ]
                    if DEMO
                    else []
                ),
            ],
        },
    },
]

FORM_RENDERER = "lib.rendering.forms.Renderer"

# Data ---------------------------------------------------------------------------------------

if not DEMO and not env.str("DATABASE_URL", default=""):
    raise ImproperlyConfigured(
        "Set DATABASE_URL: postgres://user:password@host:5432/name (or DEMO=1 to try Handover out)."
    )
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'handover.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in the demo: a test's threads then wait for a lock rather than fail.
    DATABASES["default"]["TEST"] = {"NAME": VAR_DIR / "test.sqlite3"}
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASE_POOL = env.int("DATABASE_POOL", default=0)
"""Connections that a process shares at most. None: each thread keeps its own, for CONN_MAX_AGE seconds."""
DATABASE_PREPARE = env.bool("DATABASE_PREPARE", default=True)
"""Whether PostgreSQL plans what pages ask all the time once for each connection. Not with a pooler in between that
gives every transaction another connection."""
DATABASE_LOCK_SECONDS = env.float("DATABASE_LOCK_SECONDS", default=0)
DATABASE_STATEMENT_SECONDS = env.float("DATABASE_STATEMENT_SECONDS", default=0)
"""How long a statement waits for what another holds, and lasts, on PostgreSQL; 0: without end. config/asgi.py asks for
the site's: people are told within 5 s. A worker's and a migration's may wait, and the consumer loses nothing by it."""
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    options = DATABASES["default"].setdefault("OPTIONS", {})
    limits = {"lock_timeout": DATABASE_LOCK_SECONDS, "statement_timeout": DATABASE_STATEMENT_SECONDS}
    asked = [f"-c {name}={round(seconds * 1000)}" for name, seconds in limits.items() if seconds]
    options["options"] = " ".join(filter(None, [options.get("options", ""), *asked]))
DATABASES["default"]["CONN_MAX_AGE"] = 0 if DATABASE_POOL else env.int("CONN_MAX_AGE", default=60)
if DATABASE_POOL and DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # The pool gives up on a database that is away before it waits for long, so that it is back as soon as that is.
    pool = {"min_size": 1, "max_size": DATABASE_POOL, "timeout": 4.0, "max_idle": 60.0, "reconnect_timeout": 3.0}
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = pool
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
MQTT_URL = env.str("MQTT_URL", default="mqtt://127.0.0.1:1883")
"""`mqtt[s]://user:password@host:port`: the account under which the consumer reads every device's state."""
MQTT_PUBLIC_URL = env.str("MQTT_PUBLIC_URL", default="")
"""`mqtt[s]://host:port`: the broker as devices reach it, for what is shown to be put into them; MQTT_URL's if empty."""
if MQTT_PUBLIC_URL and not re.fullmatch(
    r"mqtts?://(\[[0-9a-fA-F:]+\]|[\w.-]+)(:[1-9]\d{0,3}|:[1-5]\d{4}|:6[0-4]\d{3})?/?", MQTT_PUBLIC_URL
):
    raise ImproperlyConfigured("MQTT_PUBLIC_URL is mqtt[s]://host:port, without an account: everybody may see it.")
MQTT_CLIENT_ID = env.str("MQTT_CLIENT_ID", default="handover-consumer")
MQTT_CA = env.str("MQTT_CA", default="")
"""The broker's certificate authority (a PEM file), where the system does not know it."""
CONSUMER = env.bool("CONSUMER", default=False)
"""Whether this Celery worker stores what devices report; CONSUMERS of them do, and others stand by."""
CONSUMERS = env.int("CONSUMERS", default=1)
"""How many workers share what devices report, each with its part of the devices."""
if not 1 <= CONSUMERS <= 12:
    raise ImproperlyConfigured("CONSUMERS is a number from 1 to 12.")
MQTT_LIMITS = env.bool("MQTT_LIMITS", default=True)
MQTT_LIMIT_SECONDS = env.float("MQTT_LIMIT_SECONDS", default=15.0)
MQTT_TOPIC_LIMIT = env.int("MQTT_TOPIC_LIMIT", default=30)
MQTT_CONNECTION_LIMIT = env.int("MQTT_CONNECTION_LIMIT", default=300)
"""Messages in so many seconds, on a topic and on a connection, that count as a device's own pace."""
MQTT_BACKLOG = env.int("MQTT_BACKLOG", default=20_000)
"""Messages beyond its pace that a device may send; they come after everybody else's. One that sends more is banned."""
MQTT_BAN_SECONDS = env.float("MQTT_BAN_SECONDS", default=30.0)
MQTT_LONGEST_BAN_SECONDS = env.float("MQTT_LONGEST_BAN_SECONDS", default=3600.0)
"""The ban doubles from the first to the second."""
BROKER_AUTH_SECRET = env.str("BROKER_AUTH_SECRET", default="")
"""Shared with the broker that asks us over HTTP; without it those endpoints are closed."""
if BROKER_AUTH_SECRET and not DEMO:
    refuse_weak("BROKER_AUTH_SECRET", BROKER_AUTH_SECRET, 20)
BROKER_AMQP_URL = env.str("BROKER_AMQP_URL", default="")
"""`amqp[s]://host:port`: where RabbitMQ is asked whether the consumer's queue exists, under MQTT_URL's account."""
BROKER_DIVIDES = env.str("BROKER_DIVIDES", default="exchange" if BROKER_AMQP_URL else "")
"""By what means the broker divides devices among several consumers: "exchange" (RabbitMQ's consistent hash), "share"
(shared subscriptions that it hashes by topic), or not at all."""
if BROKER_DIVIDES not in {"", "exchange", "share"}:
    raise ImproperlyConfigured("BROKER_DIVIDES is exchange, share or empty.")
BROKER_STALE_SECONDS = env.float("BROKER_STALE_SECONDS", default=900.0)
"""For how long a connected device may go on while the database can't be asked about it."""

CACHES = {"default": {"BACKEND": "config.cache.LenientRedisCache", "LOCATION": REDIS_URL}}

CELERY_BROKER_URL = REDIS_URL
# A worker whose Redis hangs can still be stopped in order.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5.0, "socket_connect_timeout": 5.0, "socket_keepalive": True}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_WORKER_CONSUMER = "config.worker:TaskConsumer"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "clear-sessions": {"task": "config.tasks.clear_sessions", "schedule": 86_400.0},
    "clear-replays": {"task": "tenants.tasks.clear_expired", "schedule": 3600.0},
    "account-mails": {"task": "tenants.tasks.send_account_mails", "schedule": 20.0},
    "clear-expired": {"task": "devices.tasks.clear_expired", "schedule": 600.0},
    "follow-connections": {"task": "devices.tasks.follow_connections", "schedule": 20.0},
    "deliver-hooks": {"task": "provisioning.tasks.deliver_hooks", "schedule": 5.0},
    "clear-hooks": {"task": "provisioning.tasks.clear_hooks", "schedule": 3600.0},
    "clear-used-tokens": {"task": "provisioning.tasks.clear_used_tokens", "schedule": 3600.0},
    "watch-devices": {"task": "telemetry.tasks.watch", "schedule": 20.0},
    "push-attention": {"task": "telemetry.tasks.push", "schedule": 10.0},
    "keep-history": {"task": "telemetry.tasks.keep_history", "schedule": 3600.0},
    "roll-up": {"task": "telemetry.tasks.roll_up", "schedule": 60.0},
    "resume-jobs": {"task": "devices.tasks.resume_jobs", "schedule": 15.0},
}

# Rules --------------------------------------------------------------------------------------

ONLINE_SECONDS = env.int("ONLINE_SECONDS", default=60)
"""A device heard within this many seconds, and not seen to leave since, is online."""
STREAM_HEARTBEAT_SECONDS = env.float("STREAM_HEARTBEAT_SECONDS", default=4.0)
"""How often an open live stream re-checks that its user still may (bar: 5 s)."""
CONNECTS_ADDRESS = env.float("CONNECTS_ADDRESS", default=100.0)
"""New connections a second of one address that a process takes for long; for a moment five times as many."""
REQUESTS_PERSON = env.int("REQUESTS_PERSON", default=4)
REQUESTS_ADDRESS = env.int("REQUESTS_ADDRESS", default=12)
"""Requests that one process has begun for a session or token, and for an address; the others wait in turn."""
STREAMS_PERSON = env.int("STREAMS_PERSON", default=6)
STREAMS_ORGANISATION = env.int("STREAMS_ORGANISATION", default=30)
STREAMS_PROCESS = env.int("STREAMS_PROCESS", default=5_000)
"""Live streams that one process holds for a person, for an organisation, and in all; a newer one ends the oldest."""
POLLS_DEVICE = env.int("POLLS_DEVICE", default=4)
POLLS_PROCESS = env.int("POLLS_PROCESS", default=5_000)
"""Long polls that one process holds for a device, and in all; a newer one ends the oldest."""
DOWNLOADS_PERSON = env.int("DOWNLOADS_PERSON", default=2)
DOWNLOADS_ORGANISATION = env.int("DOWNLOADS_ORGANISATION", default=10)
"""Downloads that one process makes at once for a person and for an organisation; one more is refused."""
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=256 << 20)
IMPORT_MAX_ROWS = env.int("IMPORT_MAX_ROWS", default=1_000_000)
"""The largest import: of a file, and of the devices that it makes."""
IMPORT_KEEP_DAYS = env.int("IMPORT_KEEP_DAYS", default=30)
"""How long an imported file is kept, for its report."""
JOB_LEASE_SECONDS = env.float("JOB_LEASE_SECONDS", default=30.0)
"""An import, an action or a sheet whose worker was not heard for so long is taken over by another."""
JOBS_PER_ORGANISATION = env.int("JOBS_PER_ORGANISATION", default=1)
"""Imports, actions and sheets of one organisation that workers are at, at once: fewer than there are threads."""
JOB_PAUSE = env.float("JOB_PAUSE", default=0.15)
"""How long a job rests between its batches, as a part of what a batch took: 0 is fastest, 1 leaves half of the time.

An import's check never rests: the database has little to do with it."""
SITE_URLS = env.list("SITE_URLS", default=[])
"""Other origins under which labels name this site, e.g. `https://devices.example`."""

LABEL_FONTS = env.list("LABEL_FONTS", default=[])
"""TrueType files that print what the labels' own typeface lacks: the first that has a letter."""
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])
"""Who alone may say, by `Client-Cert` (RFC 9440), that a device proved the key of a certificate: addresses or networks
of the proxy, or `unix` for the site's own socket. What they say of address and scheme counts, too."""
try:
    read_networks(tuple(TRUSTED_PROXIES))
except ValueError as error:
    raise ImproperlyConfigured(f"TRUSTED_PROXIES has addresses, networks and `unix`: {error}.") from None
TLS_AUTHORITY = env.str("TLS_AUTHORITY", default=str(VAR_DIR / "tls" / "authority.pem") if DEMO else "")
"""The certificate (a PEM file) of one's own authority, which signed the site's: offered for download."""
DEVICE_DOMAINS = env.list("DEVICE_DOMAINS", default=[])
"""Domains below which each organisation has a host name for its devices, e.g. `devices.example`."""
MQTT_ORGANISATION = env.str("MQTT_ORGANISATION", default="")
"""The organisation, by its name in addresses, that devices mean which ask over MQTT for their token and name none."""
DOOR_REFUSALS_ADDRESS = env.int("DOOR_REFUSALS_ADDRESS", default=120)
"""How often within a minute doors refuse strangers of one address before they hear them no more."""

HOOK_NETWORKS = env.list("HOOK_NETWORKS", default=[])
"""Private networks to which hooks may be sent beside the Internet, e.g. `10.1.2.0/24`."""
try:
    addresses.read_networks(HOOK_NETWORKS)
except ValueError as error:
    raise ImproperlyConfigured(f"HOOK_NETWORKS has networks such as 10.1.2.0/24: {error}.") from None
HOOK_CA = env.str("HOOK_CA", default="")
"""A certificate authority (a PEM file) that hooks' receivers may have beside those that the system knows."""
HOOKS_ORGANISATION = env.int("HOOKS_ORGANISATION", default=4)
"""Calls of one organisation's hooks that are made at once."""
HOOK_KEEP_DAYS = env.int("HOOK_KEEP_DAYS", default=90)
"""How long it is kept what hooks were told and answered."""
COMMAND_KEEP_DAYS = env.int("COMMAND_KEEP_DAYS", default=90)
"""How long a command is kept that ended; its events stay."""
PACK_AFTER_DAYS = env.int("PACK_AFTER_DAYS", default=7)
"""After which what devices report is packed, a row a device and day; 0: never. What comes later is packed again."""
if PACK_AFTER_DAYS and PACK_AFTER_DAYS < 2:
    raise ImproperlyConfigured("PACK_AFTER_DAYS is at least 2, or 0 for never: most of a day has come late by then.")

INVITATION_SPAN = timedelta(hours=1)
INVITATION_LIMIT = env.int("INVITATION_LIMIT", default=100)
"""Invitations that one organisation may mail within an hour; one person, and one group below its root, half of them."""

# People -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = [
    "tenants.accounts.backend.Backend",
    "allauth.account.auth_backends.AuthenticationBackend",  # of sessions that the former release began
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "tenants.accounts.passwords.NotCommon"},
    {"NAME": "tenants.accounts.passwords.NotOfItsContext"},
]
ACCOUNT_ADAPTER = "tenants.accounts.adapters.Adapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "tenants.accounts.resets.ResetTokens"  # noqa: S105
PASSWORD_RESET_TIMEOUT = 86_400
ACCOUNT_RATE_LIMITS = {
    "login_failed": "10/m/ip,5/5m/key",  # by address, and by account and network
    "login_failed_account": "100/h/key",  # of an account, by all who never signed in to it
    "login_failed_known": "5/5m/key",  # by a browser that has
}
ACCOUNT_FORMS = {"reset_password": "tenants.accounts.reset_form.ResetForm"}
MFA_ADAPTER = "tenants.accounts.adapters.SecondFactor"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs up: each address came by an invitation, or from the operator
MFA_TOTP_ISSUER = "Handover"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
SESSION_ENGINE = "tenants.accounts.store"
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=720)
"""Who does nothing for so long is signed out."""
SESSION_COOKIE_AGE = 60 * env.int("SESSION_MINUTES", default=7 * 24 * 60)
"""Who signed in so long ago, in seconds, signs in anew, whatever they did since."""
SESSION_KEPT_SECONDS = 60
"""How often at most it is written that a session is in use."""
ACCOUNT_EVENT_DAYS = env.int("ACCOUNT_EVENT_DAYS", default=365)
"""How long it is kept who signed in when and from where."""
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "devices:list"
LOGOUT_REDIRECT_URL = "account_login"
EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=10)
"""Seconds: a page waits for the mail server, to say whether it took the message."""
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="handover@localhost")

# Web ----------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, "'wasm-unsafe-eval'"],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "worker-src": [SELF],
        "media-src": [SELF, "blob:"],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    "camera": ["self"],
    **{
        feature: []
        for feature in (
            "accelerometer",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "payment",
            "usb",
        )
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.views.csrf_failure"

HTTPS = env.bool("HTTPS", default=not DEMO)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
if HTTPS:  # no other host, and no page without TLS, can set these
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
MESSAGE_STORAGE = "config.messages.Storage"  # no cookie besides
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("HSTS_SUBDOMAINS", default=HTTPS)
SECURE_HSTS_PRELOAD = SECURE_HSTS_INCLUDE_SUBDOMAINS
SECURE_REDIRECT_EXEMPT = [r"^(healthz|metrics)$", r"^broker/"]  # asked inside the net
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1  # limits on signing in count the client's address, not the proxy's

# Wrong codes within an hour in windows: of a person at all devices, of all people at one device.
PROOF_PERSON_LIMIT = env.int("PROOF_PERSON_LIMIT", default=20)
PROOF_DEVICE_LIMIT = env.int("PROOF_DEVICE_LIMIT", default=30)

# The people-facing API (docs/api.md) ---------------------------------------------------------

API_LIMIT_SECONDS = env.int("API_LIMIT_SECONDS", default=60)
API_TOKEN_LIMIT = env.int("API_TOKEN_LIMIT", default=600)
API_PERSON_LIMIT = env.int("API_PERSON_LIMIT", default=900)
API_TENANT_LIMIT = env.int("API_TENANT_LIMIT", default=1500)
API_ORGANISATION_LIMIT = env.int("API_ORGANISATION_LIMIT", default=3000)
"""Requests in so many seconds: of one token or browser, of a person, of all of a group right below an organisation's
root, and of all of an organisation. Whoever took less than a tenth of what is above is answered all the same."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.tokens.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["tenants.api.throttles.Shares"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tenants.api.parsers.BoundedJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "tenants.api.schema.Schema",
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "tenants.api.handler.handle_error",
    "NUM_PROXIES": 1 if BEHIND_PROXY else 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Handover",
    "DESCRIPTION": "Devices, the groups that they belong to, and what they report.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,  # what a serializer requires, a PATCH requires too
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
    "SORT_OPERATION_PARAMETERS": False,
    "ENUM_NAME_OVERRIDES": {
        "AttentionCause": "devices.models.Attention.Cause",
        "EventKind": "devices.models.Event.Kind",
        "ActionKind": "devices.models.BulkAction.Kind",
        "ActionAsked": "devices.bulk_actions.kinds.CHOICES",
        "ImportAct": "devices.models.Import.Act",
        "ActionState": "devices.models.BulkAction.State",
        "ImportState": "devices.models.Import.State",
        "CredentialKind": "devices.models.Credential.Kind",
        "SerialKind": "devices.identity.formats.Kind",
        "Presence": "tenants.models.Presence",
        "PresenceSecretMethod": "devices.credentials.presence_secrets.CHOICES",
        "DoorKind": "provisioning.models.Door.Kind",
        "DoorState": "provisioning.models.State",
        "TypeEnum": "devices.models.Attribute.Type",
        "StatusEnum": "devices.models.Device.Status",
        "StatusFilter": "devices.inventory.filters.STATUSES",
        "HookEvent": "provisioning.models.HookRun.Kind",
        "HookRunState": "provisioning.models.HookRun.State",
        "HookCallState": "provisioning.hooks.listing.CALL_STATES",
        "LabelRuleKind": "devices.models.LabelRule.Kind",
        "LabelFact": "devices.recipes.label_rules.FACT_CHOICES",
        "LabelContent": "tenants.models.Organisation.LabelContent",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "tenants.api.schema.add_problems",
        "config.api_docs.device_channels.add_device_channels",
        "config.api_docs.device_addresses.add_device_addresses",
    ],
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # scripts/check validates the document itself
}

# uvicorn's lines go the same way, and none are of requests, whatever its flags: the path of a reset link is a secret.
LOG_FORMAT = env.str("LOG_FORMAT", default="text")
"""`text` for people, `json` for programs: an object a line."""
if LOG_FORMAT not in {"text", "json"}:
    raise ImproperlyConfigured("LOG_FORMAT is text or json.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "lib.log.Json" if LOG_FORMAT == "json" else "lib.log.Masking",
            "format": "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s",
            "datefmt": "%Y-%m-%dT%H:%M:%S",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.access": {"handlers": [], "propagate": False},
    },
}
