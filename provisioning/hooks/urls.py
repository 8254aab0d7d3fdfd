"""The admins' pages and endpoints of hooks."""

from django.urls import path

from provisioning.hooks import api, views

urlpatterns = [
    path("hooks/", views.hook_list, name="hooks"),
    path("hooks/new/", views.new, name="hook-new"),
    path("hooks/new/create/", views.create, name="hook-create"),
    path("hooks/runs/", views.run_list, name="hook-runs"),
    path("hooks/runs/<uuid:key>/", views.run, name="hook-run"),
    path("hooks/runs/<uuid:key>/<int:position>/", views.call, name="hook-run-call"),
    path("hooks/runs/<uuid:key>/<int:position>/repeat/", views.repeat, name="hook-call-repeat"),
    path("hooks/runs/<uuid:key>/<int:position>/skip/", views.skip, name="hook-call-skip"),
    path("hooks/<uuid:key>/", views.hook, name="hook"),
    path("hooks/<uuid:key>/edit/", views.edit, name="hook-edit"),
    path("hooks/<uuid:key>/change/", views.change, name="hook-change"),
    path("hooks/<uuid:key>/secret/", views.renew, name="hook-secret"),
    path("hooks/<uuid:key>/repeat/", views.repeat_failed, name="hook-repeat"),
    path("hooks/<uuid:key>/end/", views.end, name="hook-end"),
    path("api/v1/hooks/", api.Hooks.as_view(), name="api-hooks"),
    path("api/v1/hooks/<uuid:key>/", api.OneHook.as_view(), name="api-hook"),
    path("api/v1/hooks/<uuid:key>/secret/", api.HookSecret.as_view(), name="api-hook-secret"),
    path("api/v1/hooks/<uuid:key>/repeat/", api.RepeatFailed.as_view(), name="api-hook-repeat"),
    path("api/v1/hooks/<uuid:key>/end/", api.EndHook.as_view(), name="api-hook-end"),
    path("api/v1/hook-runs/", api.HookRuns.as_view(), name="api-hook-runs"),
    path("api/v1/hook-runs/<uuid:key>/", api.OneHookRun.as_view(), name="api-hook-run"),
    path(
        "api/v1/hook-runs/<uuid:key>/calls/<int:position>/repeat/",
        api.RepeatCall.as_view(),
        name="api-hook-call-repeat",
    ),
    path("api/v1/hook-runs/<uuid:key>/calls/<int:position>/skip/", api.SkipCall.as_view(), name="api-hook-call-skip"),
]
