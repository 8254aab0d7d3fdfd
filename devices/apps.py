from django.apps import AppConfig


class DevicesConfig(AppConfig):
    name = "devices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from devices.lifecycle.leavers import on_reach_lost
        from tenants.people.reach import reach_lost

        reach_lost.connect(on_reach_lost)
