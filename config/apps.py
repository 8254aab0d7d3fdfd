from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from django.conf import settings

        from devices.lifecycle.leavers import return_out_of_reach
        from lib import log
        from tenants.people import reach

        if settings.LOG_FORMAT == "json":
            log.log_what_ends_the_process()
        reach.handed_in[:] = [return_out_of_reach]
