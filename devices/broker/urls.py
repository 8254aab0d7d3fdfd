"""What brokers ask: the part of `devices.urls` that no person opens."""

from django.urls import path

from devices.broker import emqx, mosquitto, rabbitmq
from devices.broker.views import build_view

DOORS = rabbitmq.DOORS | emqx.DOORS | mosquitto.DOORS

urlpatterns = [path(route, build_view(door), name=door.name) for route, door in DOORS.items()]
