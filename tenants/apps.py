from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.mfa.signals import authentication_failed

        import lib.db.migration_history  # noqa: F401 (registers its check)
        from lib import plain_words
        from tenants.accounts.second_factor import on_refused_code

        authentication_failed.connect(on_refused_code)
        plain_words.install()
