"""How: the windows in which devices are provisioned."""

from provisioning.models.window import Window, WindowQuerySet

__all__ = ["Window", "WindowQuerySet"]
