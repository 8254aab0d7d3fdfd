import gc

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from django.conf import settings

        from devices.lifecycle import leavers
        from lib import log
        from provisioning.doors import archived_groups
        from tenants.groups import archive_effects
        from tenants.people import reach

        if settings.LOG_FORMAT == "json":
            log.log_what_ends_the_process()
        reach.handed_in[:] = [leavers.return_out_of_reach]
        archive_effects.handed_in[:] = [archived_groups.foresee_archive]
        reach.foresights[:] = [reach.Foresight(leavers.count_after_move, leavers.count_after_loss)]
        gc.freeze()
        gc.enable()
