from __future__ import annotations

import sys
from contextlib import suppress
from getpass import getpass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse

from lib.refusals import Refusal
from tenants.groups import operations as groups
from tenants.models import Membership, Organisation, Role, User
from tenants.people import invitations

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = "Make an organisation with its first admin. Asks for the password, or prints a link to set one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="as people read it, e.g. 'Kanarra'")
        parser.add_argument("--slug", required=True, help="as addresses hold it, e.g. 'kanarra'")
        parser.add_argument("--admin", required=True, metavar="EMAIL")
        parser.add_argument(
            "--invite", metavar="SITE", help="mail the admin an invitation, e.g. from https://devices.example"
        )
        parser.add_argument("--link", action="store_true", help="print a link to set the password instead of asking")

    def handle(self, *args: Any, name: str, slug: str, admin: str, **options: Any) -> None:
        try:
            if options["invite"]:
                self._invite(name, slug, admin, options["invite"])
            else:
                self._make(name, slug, admin, link=options["link"])
        except Refusal as refusal:
            raise CommandError(str(refusal)) from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None

    def _invite(self, name: str, slug: str, email: str, site: str) -> None:
        site = _parse_origin(site)
        organisation = _create_organisation(name, slug, email)
        invitation = invitations.invite(email=email, group=organisation.root, role=Role.ADMIN, by=None, site=site)
        self.stdout.write(f"Organisation {name} is there.")
        if not invitation.sent_at:
            raise CommandError("The mail server did not take the invitation: see EMAIL_URL.")
        self.stdout.write(f"{invitation.email} is invited as its admin, for seven days.")

    def _make(self, name: str, slug: str, email: str, *, link: bool) -> None:
        password_given = "" if link or not sys.stdin.isatty() else _ask_password()
        user = _create_with_admin(name, slug, email, password_given)
        self.stdout.write(f"Organisation {name} is there; {user.email} is its admin.")
        if not password_given:
            self.stdout.write(f"Set the password, within a day, at <this site>{_make_reset_path(user)}")


def _ask_password() -> str:
    password = getpass("Password of the admin: ")
    try:
        validate_password(password)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    if getpass("Again: ") != password:
        raise CommandError("The two passwords differ; nothing was made.")
    return password


@transaction.atomic
def _create_organisation(name: str, slug: str, email: str) -> Organisation:
    _refuse_taken(slug, email)
    validate_email(email)
    Organisation._meta.get_field("slug").clean(slug, None)  # before a database refuses it in its own words
    organisation = groups.create_organisation(name=name, slug=slug)
    organisation.full_clean()
    return organisation


@transaction.atomic
def _create_with_admin(name: str, slug: str, email: str, password: str) -> User:
    organisation = _create_organisation(name, slug, email)
    user = User(email=email.strip().lower(), organisation=organisation)
    user.set_password(password or None)
    user.full_clean()
    user.save()
    Membership.objects.create(user=user, group=organisation.root, role=Role.ADMIN)
    return user


def _parse_origin(site: str) -> str:
    with suppress(ValueError):
        parts = urlsplit(site)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return f"{parts.scheme}://{parts.netloc}"
    raise ValidationError("Give the site's address with its scheme, such as https://devices.example.")


def _refuse_taken(slug: str, email: str) -> None:
    if Organisation.objects.filter(slug=slug).exists():
        raise ValidationError(f"There is an organisation {slug} already.")
    if User.objects.filter(email=email.strip().lower()).exists():
        raise ValidationError(f"{email} belongs to an organisation already.")


def _make_reset_path(user: User) -> str:
    key = default_token_generator.make_token(user)
    return reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
