"""What a browser says of itself when it is to be told."""

from __future__ import annotations

from django import forms

from tenants.models.push import LONGEST


class PushForm(forms.Form):
    endpoint = forms.CharField(max_length=LONGEST, widget=forms.HiddenInput)
    p256dh = forms.CharField(max_length=100, widget=forms.HiddenInput)
    auth = forms.CharField(max_length=40, widget=forms.HiddenInput)
