"""What Django's forms, REST framework's fields and their validators say when they refuse a value, in plain words.

They keep these sentences in tables of their classes; a field that says something better for itself keeps that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core import validators
from django.db import models
from rest_framework import serializers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHOOSE = "“%(value)s” is not one of the choices. Choose one of them."
TIME = "Write a time with day and hour: 2026-11-30T08:15:00Z."
DAY = "Write a day as year, month and day: 2026-11-30."

ON_PAGES: Mapping[str, str] = {
    "This field is required.": "Fill this in.",
    "Enter a valid value.": "This is not written as it has to be. Correct it.",
    "Enter a valid URL.": "Write a whole address: https://example.org.",
    "Enter a valid email address.": "Write an e-mail address: name@example.org.",
    "Enter a valid UUID.": "This is no key. Copy it whole from where it is shown.",
    "Enter a valid JSON.": "This is no JSON. Correct it.",
    "Enter a whole number.": "Write a whole number, in digits.",
    "Enter a number.": "Write a number: 12.5.",
    "Enter a valid date.": DAY,
    "Enter a valid time.": "Write a time as hours and minutes: 08:15.",
    "Enter a valid date/time.": TIME,
    "Select a valid choice. %(value)s is not one of the available choices.": CHOOSE,
    "Select a valid choice. That choice is not one of the available choices.": "That is not one of the choices (any "
    "more). Choose one of them.",
    "Enter a list of values.": "Choose from the list.",
    "“%(pk)s” is not a valid value.": "“%(pk)s” is not one of the choices. Choose one of them.",
    "Enter a complete value.": "Fill in all of it.",
    "No file was submitted.": "Choose a file.",
    "No file was submitted. Check the encoding type on the form.": "No file came along. Choose it again.",
    "The submitted file is empty.": "This file is empty. Choose another one.",
    "Please either submit a file or check the clear checkbox, not both.": "Choose a file or remove the one that is "
    "there, not both.",
    "Upload a valid image. The file you uploaded was either not an image or a corrupted image.": "This is no picture "
    "that can be read. Choose a PNG or JPEG file.",
    "This field cannot be null.": "Fill this in.",
    "This field cannot be blank.": "Fill this in.",
    "Value %(value)r is not a valid choice.": CHOOSE,
    "%(model_name)s with this %(field_label)s already exists.": "There is one like this already. Choose another.",
}

OF_THE_API: Mapping[str, str] = {
    "This field is required.": "This is missing. Send it.",
    "This field may not be null.": "This can't be null. Send a value, or leave it out where it may be missing.",
    "This field may not be blank.": "This is empty. Send a text.",
    "Must be a valid boolean.": "Send true or false.",
    "Not a valid string.": "Send a text.",
    "Ensure this field has no more than {max_length} characters.": "This is too long: {max_length} characters at most.",
    "Ensure this field has at least {min_length} characters.": "This is too short: {min_length} characters at least.",
    "Enter a valid email address.": "Send an e-mail address: name@example.org.",
    "Enter a valid URL.": "Send a whole address: https://example.org.",
    "This value does not match the required pattern.": "This is not written as the document says.",
    "Must be a valid UUID.": "This is no key. Copy it whole from where it was given.",
    "A valid integer is required.": "Send a whole number.",
    "A valid biginteger is required.": "Send a whole number.",
    "A valid number is required.": "Send a number.",
    "String value too large.": "This number is too long.",
    "Integer value too large to convert to float": "This number is too large.",
    "Ensure this value is less than or equal to {max_value}.": "Send {max_value} or less.",
    "Ensure this value is greater than or equal to {min_value}.": "Send {min_value} or more.",
    "Datetime has wrong format. Use one of these formats instead: {format}.": "Send a time with day, hour and zone: "
    "2026-11-30T08:15:00Z.",
    "Expected a datetime but got a date.": "Send a time with day, hour and zone: 2026-11-30T08:15:00Z.",
    "Datetime value out of range.": "There is no such time. Send one between the years 1 and 9999.",
    "Date has wrong format. Use one of these formats instead: {format}.": "Send a day: 2026-11-30.",
    "Expected a date but got a datetime.": "Send a day without a time: 2026-11-30.",
    '"{input}" is not a valid choice.': "“{input}” is not one of the choices. The document lists them.",
    'Expected a list of items but got type "{input_type}".': "Send a list.",
    "This selection may not be empty.": "The list is empty. Send at least one.",
    "This list may not be empty.": "The list is empty. Send at least one.",
    "Ensure this field has at least {min_length} elements.": "The list is too short: {min_length} at least.",
    "Ensure this field has no more than {max_length} elements.": "The list is too long: {max_length} at most.",
    'Expected a dictionary of items but got type "{input_type}".': "Send an object with names and values.",
    "This dictionary may not be empty.": "The object is empty. Send at least one name with its value.",
    "Invalid data. Expected a dictionary, but got {datatype}.": "Send an object with names and values.",
    "Value must be valid JSON.": "This is no JSON. Correct it.",
    'Invalid pk "{pk_value}" - object does not exist.': "There is no “{pk_value}” that you may use here.",
    "Incorrect type. Expected pk value, received {data_type}.": "Send the number of a row.",
    "No file was submitted.": "Send a file.",
    "The submitted data was not a file. Check the encoding type on the form.": "Send a file, as multipart/form-data.",
    "Upload a valid image. The file you uploaded was either not an image or a corrupted image.": "This is no picture "
    "that can be read. Send PNG or JPEG.",
    "No filename could be determined.": "Send the file with its name.",
    "The submitted file is empty.": "The file is empty. Send another one.",
    "Ensure this filename has at most {max_length} characters (it has {length}).": "The file's name is too long: "
    "{max_length} characters at most.",
}

OF_VALIDATORS: Mapping[type[Any], str] = {
    validators.MaxValueValidator: "This is too large: %(limit_value)s at most.",
    validators.MinValueValidator: "This is too small: %(limit_value)s at least.",
    validators.StepValueValidator: "This has to be a multiple of %(limit_value)s.",
    validators.MaxLengthValidator: "%(show_value)d characters are too many: at most %(limit_value)d characters fit.",
    validators.MinLengthValidator: "%(show_value)d characters are too few: at least %(limit_value)d are needed.",
    validators.ProhibitNullCharactersValidator: "There is a sign in it that can't be kept. Write it anew.",
    validators.EmailValidator: ON_PAGES["Enter a valid email address."],
    validators.URLValidator: ON_PAGES["Enter a valid URL."],
    validators.RegexValidator: ON_PAGES["Enter a valid value."],
    validators.FileExtensionValidator: "A file of this kind is not taken. Choose one of: %(allowed_extensions)s.",
}


def install() -> None:
    """Put the words in place of the frameworks', once a process and before our forms are made."""
    for kind, words in ((forms.Field, ON_PAGES), (models.Field, ON_PAGES), (serializers.Field, OF_THE_API)):
        for each in _walk(kind):
            _replace(vars(each).get("default_error_messages", {}), words)
    for form in _walk(forms.BaseForm):  # theirs, which are made already
        for field in getattr(form, "base_fields", {}).values():
            _replace(field.error_messages, ON_PAGES)
    for validator, text in OF_VALIDATORS.items():
        validator.message = text
    forms.FileField.default_error_messages["max_length"] = "The file's name is too long: %(max)d characters at most."


def _replace(said: dict[str, Any], words: Mapping[str, str]) -> None:
    said.update({name: words[str(text)] for name, text in said.items() if str(text) in words})


def _walk(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _walk(below)
