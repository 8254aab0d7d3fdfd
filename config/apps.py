from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from devices.lifecycle.leavers import return_out_of_reach
        from tenants.people import reach

        reach.handed_in[:] = [return_out_of_reach]
