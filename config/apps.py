from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from devices.lifecycle import leavers
        from tenants.people import reach

        reach.handed_in[:] = [leavers.return_out_of_reach]
        reach.foresights[:] = [reach.Foresight(leavers.count_after_move, leavers.count_after_loss)]
