from django.urls import path

from devices.labels import api, print_views, views

urlpatterns = [
    path("devices/<str:serial>/label/", views.label, name="label"),
    path("devices/<str:serial>/label.svg", views.label_svg, name="label-svg"),
    path("devices/<str:serial>/label.png", views.label_png, name="label-png"),
    path("devices/<str:serial>/label.pdf", views.label_pdf, name="label-pdf"),
    path("devices/<str:serial>/label.zpl", views.label_zpl, name="label-zpl"),
    path("labels/", print_views.sheets, name="sheets"),
    path("labels/preview/", print_views.preview, name="sheets-preview"),
    path("labels/print/", print_views.print_labels, name="sheets-print"),
    path("labels/<uuid:key>/", print_views.sheet, name="sheet"),
    path("labels/<uuid:key>/stream/", print_views.stream, name="sheet-stream"),
    path("labels/<uuid:key>/file/", print_views.sheet_file, name="sheet-file"),
    path("labels/<uuid:key>/cancel/", print_views.cancel, name="sheet-cancel"),
    path("api/v1/devices/<str:serial>/label.svg", api.LabelSvg.as_view(), name="api-device-label"),
    path("api/v1/devices/<str:serial>/label.png", api.LabelPng.as_view(), name="api-device-label-png"),
    path("api/v1/devices/<str:serial>/label.pdf", api.LabelPdf.as_view(), name="api-device-label-pdf"),
    path("api/v1/devices/<str:serial>/label.zpl", api.LabelZpl.as_view(), name="api-device-label-zpl"),
    path("api/v1/labels/", api.PrintJobs.as_view(), name="api-sheets"),
    path("api/v1/labels/<uuid:key>/", api.OnePrintJob.as_view(), name="api-sheet"),
    path("api/v1/labels/<uuid:key>/file/", api.PrintJobFile.as_view(), name="api-sheet-file"),
    path("api/v1/labels/<uuid:key>/cancel/", api.CancelPrintJob.as_view(), name="api-sheet-cancel"),
]
