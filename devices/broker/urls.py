"""What brokers ask: the part of `devices.urls` that no person opens."""

from django.urls import path

from devices.broker import emqx, mosquitto, rabbitmq
from devices.broker.views import view

DOORS = rabbitmq.DOORS | emqx.DOORS | mosquitto.DOORS

urlpatterns = [path(route, view(door), name=door.name) for route, door in DOORS.items()]
